// A single-page app that logs people in with OpenID Connect: authorization code flow with PKCE, no library.
//
// The order of reading is the order of events:
//   1. discover    where the server's endpoints and keys are                     (OIDC Discovery §4)
//   2. logIn       send the browser away with state, nonce and a PKCE challenge  (RFC 6749 §4.1.1, RFC 7636)
//   3. comeBack    check what came back, and only then use the code              (RFC 9207, RFC 6749 §4.1.3)
//   4. verify      believe the ID token only after every check                   (OIDC Core §3.1.3.7)
//   5. use         userinfo, an API, refresh, log out
//   6. the page    what is shown when
//
// Where things are kept: tokens in the variable `session`, so they end with the tab and no other script's storage holds
// them. Only what must survive the trip to the server (state, nonce, verifier) is in sessionStorage, and it is removed
// at the first look at the answer.

const TRIP = "trip";                      // the one key in sessionStorage
const HOME = `${location.origin}/`;       // registered as redirect_uri and post_logout_redirect_uri
const LEEWAY = 60;                        // seconds two clocks may disagree

let config;                               // { issuer, client_id, scope, audience, api } from our own server
let server;                               // the issuer's metadata
let session = null;                       // { accessToken, refreshToken, idToken, claims, scope, expiresAt }
let checks = [];                          // what was checked, for the page

/** Something a person should be told, in two parts. */
class Refusal extends Error {
  constructor(title, text, code) {
    super(text);
    this.title = title;
    this.code = code;                     // the standard's error code, if the server gave one
  }
}

function check(holds, name, otherwise) {
  if (!holds) throw new Refusal("The answer was not accepted", otherwise);
  checks.push(name);
}

// ---------------------------------------------------------------- 1. discover

async function discover() {
  config = await getJson("/config.json");
  const metadata = await getJson(`${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  // OIDC Discovery §4.3: the document must speak for the issuer we asked.
  if (metadata.issuer !== config.issuer) {
    throw new Refusal("Wrong server", `Expected the issuer ${config.issuer}, but it calls itself ${metadata.issuer}.`);
  }
  server = metadata;
}

// ---------------------------------------------------------------- 2. log in

async function logIn() {
  const trip = { kind: "login", state: random(), nonce: random(), verifier: random() };
  sessionStorage.setItem(TRIP, JSON.stringify(trip));
  leaveFor(server.authorization_endpoint, {
    response_type: "code",
    client_id: config.client_id,
    redirect_uri: HOME,
    scope: config.scope,
    audience: config.audience,                           // the API that the access token is for
    state: trip.state,                                   // ties the answer to this tab
    nonce: trip.nonce,                                   // ties the ID token to this request
    code_challenge: base64url(await sha("SHA-256", trip.verifier)),
    code_challenge_method: "S256",                       // only who knows the verifier can use the code
  });
}

// ---------------------------------------------------------------- 3. come back

/** Handles an answer in our address, if there is one. */
async function comeBack() {
  const answer = new URLSearchParams(location.search);
  const trip = JSON.parse(sessionStorage.getItem(TRIP));
  sessionStorage.removeItem(TRIP);
  if (!["code", "error", "state"].some((name) => answer.has(name))) return null;
  history.replaceState(null, "", "/");                   // the code leaves the address bar and the history

  checks = [];
  check(new Set(answer.keys()).size === [...answer.keys()].length, "no parameter came twice",
    "A parameter came twice.");
  check(trip !== null, "this tab had asked", "This tab did not ask for it. Please start again from here.");
  check(answer.get("state") === trip.state, "state is the one we sent",
    "It belongs to another request. Please start again.");
  if (trip.kind === "logout") return "You are logged out, here and at the server.";

  // RFC 9207 §2.4: an answer from another server must not be mixed up with this one's.
  if (answer.has("iss") || server.authorization_response_iss_parameter_supported) {
    check(answer.get("iss") === config.issuer, "iss is the server we asked", "It came from another server.");
  }
  if (answer.has("error")) throw refusalOf(answer.get("error"), answer.get("error_description"));

  const tokens = await askForTokens({
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: HOME,
    code_verifier: trip.verifier,
  });
  checks.push("code and PKCE verifier were exchanged for tokens");
  session = sessionOf(tokens, await verify(tokens.id_token, tokens.access_token, trip.nonce));
  return "Logged in.";
}

function refusalOf(code, description) {
  if (code === "access_denied") return new Refusal("You did not allow it", "Nothing was shared with this app.");
  return new Refusal("The server said no", `${description ?? "It gave no reason."} (${code})`);
}

/** Calls the token endpoint as a public client: there is no secret in a browser, `client_id` says who we are. */
async function askForTokens(parameters) {
  const body = new URLSearchParams({ ...parameters, client_id: config.client_id });
  const tokens = await getJson(server.token_endpoint, { method: "POST", body });
  if (tokens.token_type?.toLowerCase() !== "bearer") {
    throw new Refusal("The answer was not accepted", "The token is of a kind this app cannot use.");
  }
  return tokens;
}

function sessionOf(tokens, claims) {
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? session?.refreshToken,      // a server that rotates sends a new one each time
    idToken: tokens.id_token ?? session?.idToken,
    claims,
    scope: tokens.scope ?? session?.scope ?? config.scope,            // left out means: as asked
    expiresAt: tokens.expires_in ? Date.now() + tokens.expires_in * 1000 : null,
  };
}

// ---------------------------------------------------------------- 4. verify

// The algorithms we accept: ours to choose, never the token's. `hash` is the one at_hash is made with.
const ALGORITHMS = {
  RS256: { key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, jwk: ({ kty, n, e }) => ({ kty, n, e }), hash: "SHA-256" },
  ES256: { key: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, jwk: ({ kty, crv, x, y }) => ({ kty, crv, x, y }), hash: "SHA-256" },
  EdDSA: { key: { name: "Ed25519" }, jwk: ({ kty, crv, x }) => ({ kty, crv, x }), hash: "SHA-512" },
};

/** The claims of an ID token, once signature and claims hold (OIDC Core §3.1.3.7). */
async function verify(idToken, accessToken, nonce) {
  const [head, body, signature, ...more] = String(idToken).split(".");
  check(signature && more.length === 0, "the ID token has three parts", "There is no ID token in it.");
  const header = decode(head);
  const claims = decode(body);

  const algorithm = Object.hasOwn(ALGORITHMS, header.alg) ? ALGORITHMS[header.alg] : null;
  check(algorithm && !header.crit, `it is signed with ${header.alg}`, "The ID token is not signed in a way we accept.");
  const key = await signingKey(header, algorithm);
  const signed = new TextEncoder().encode(`${head}.${body}`);
  check(await crypto.subtle.verify(algorithm.key, key, bytes(signature), signed),
    "the signature matches the server's key", "The signature of the ID token is wrong.");

  const now = Date.now() / 1000;
  const audience = [claims.aud].flat();
  check(claims.iss === config.issuer, "it comes from the server we asked", "The ID token comes from another server.");
  check(audience.includes(config.client_id) && (audience.length === 1 || claims.azp === config.client_id),
    "it is meant for this app", "The ID token is meant for another app.");
  check(claims.exp > now - LEEWAY && claims.iat < now + LEEWAY, "it is neither old nor from the future",
    "The ID token has expired, or one of the two clocks is wrong.");
  if (nonce !== undefined) {
    check(claims.nonce === nonce, "nonce is the one we sent", "The ID token answers another request.");
  }
  check(typeof claims.sub === "string" && claims.sub !== "", "it names a person", "The ID token names nobody.");
  if (claims.at_hash !== undefined) {
    const digest = await sha(algorithm.hash, accessToken);
    check(claims.at_hash === base64url(digest.slice(0, digest.length / 2)), "the access token belongs to it",
      "The access token does not belong to the ID token.");
  }
  return claims;
}

async function signingKey(header, algorithm) {
  const { keys } = await getJson(server.jwks_uri);
  const jwk = keys.find((each) => each.kid === header.kid && (each.alg ?? header.alg) === header.alg && each.use !== "enc");
  if (!jwk) throw new Refusal("The answer was not accepted", "The ID token is signed with a key the server does not publish.");
  return crypto.subtle.importKey("jwk", algorithm.jwk(jwk), algorithm.key, false, ["verify"]);
}

// ---------------------------------------------------------------- 5. use

const withToken = () => ({ headers: { authorization: `Bearer ${session.accessToken}` } });

async function userinfo() {
  const claims = await getJson(server.userinfo_endpoint, withToken());
  // OIDC Core §5.3.2: believe it only if it is about the same person.
  if (claims.sub !== session.claims.sub) throw new Refusal("The answer was not accepted", "It is about another person.");
  return claims;
}

const callApi = () => getJson(config.api, withToken());

async function refresh() {
  const before = session.claims;
  const tokens = await askForTokens({ grant_type: "refresh_token", refresh_token: session.refreshToken }).catch((error) => {
    // RFC 6749 §5.2: the grant is over (logged out, withdrawn, too old), so this app's session is as well.
    if (error.code === "invalid_grant") session = null;
    throw error;
  });
  let claims = before;
  if (tokens.id_token) {
    checks = [];
    claims = await verify(tokens.id_token, tokens.access_token);
    // OIDC Core §12.2: the same person, and the nonce of the first login if there is one.
    check(claims.sub === before.sub && [undefined, before.nonce].includes(claims.nonce), "it is still the same person",
      "The new ID token is about another login.");
  }
  session = sessionOf(tokens, claims);
  return { refreshed: true, expires_in: tokens.expires_in, scope: session.scope };
}

/** OIDC RP-Initiated Logout §2: forget everything here, then let the server end its session. */
function logOut() {
  const trip = { kind: "logout", state: random() };
  const idToken = session.idToken;
  session = null;
  if (!server.end_session_endpoint) return show("Logged out here; the server offers no logout.");
  sessionStorage.setItem(TRIP, JSON.stringify(trip));
  leaveFor(server.end_session_endpoint, { id_token_hint: idToken, post_logout_redirect_uri: HOME, state: trip.state });
}

// ---------------------------------------------------------------- small tools

/** Fetches JSON; an error answer becomes a Refusal that says what the server said. */
async function getJson(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { ...options, credentials: "omit", cache: "no-store", redirect: "error" });
  } catch {
    throw new Refusal("No answer", `${new URL(address, HOME).origin} cannot be reached, or does not allow this app. Is it running?`);
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const challenge = answer.headers.get("www-authenticate");
  const reason = body.error_description ?? body.error ?? challenge ?? "It gave no reason.";
  throw new Refusal(`Refused (${answer.status})`, typeof reason === "string" ? reason : JSON.stringify(reason), body.error);
}

function leaveFor(endpoint, parameters) {
  const address = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  location.assign(address);
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha = async (name, text) => new Uint8Array(await crypto.subtle.digest(name, new TextEncoder().encode(text)));
const base64url = (data) =>
  btoa(String.fromCharCode(...data)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const decode = (part) => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(part)));
const pretty = (value) => JSON.stringify(value, null, 2);

// ---------------------------------------------------------------- 6. the page

const at = (id) => document.getElementById(id);

/** Draws the page from `session`. Only textContent is set: whatever a token holds, it stays text. */
function show(status) {
  const { claims } = session ?? {};
  document.body.dataset.state = session ? "in" : "out";
  at("status").textContent = status;
  at("problem").hidden = true;
  at("welcome").hidden = session !== null;
  at("account").hidden = session === null;
  if (!session) {
    for (const id of ["id-token", "id-token-raw", "access-token", "access-token-raw", "checks", "person", "scope"]) at(id).textContent = "";
    at("issuer").textContent = new URL(config.issuer).host;
    return;
  }
  at("person").textContent = claims.name ?? claims.email ?? claims.preferred_username ?? claims.sub;
  at("scope").textContent = session.scope.split(" ").join(", ");
  at("expiry").textContent = session.expiresAt ? `good until ${new Date(session.expiresAt).toLocaleTimeString()}` : "no end told";
  at("refresh").disabled = !session.refreshToken;
  at("refresh").title = session.refreshToken ? "" : "No refresh token: offline access was not allowed";

  const [head] = session.idToken.split(".");
  at("id-token").textContent = pretty({ header: decode(head), claims });
  at("id-token-raw").textContent = session.idToken;
  const inside = peek(session.accessToken);
  at("access-token-kind").textContent = inside ? "JWT" : "opaque";
  at("access-token").textContent = inside ? pretty(inside) : session.accessToken;
  at("access-token-raw").textContent = session.accessToken;
  at("access-token-more").hidden = inside === null;
  at("checks").replaceChildren(...checks.map((name) => Object.assign(document.createElement("li"), { textContent: name })));
}

/** The inside of an access token if it happens to be a JWT; for show only. */
function peek(token) {
  try {
    const [head, body] = token.split(".");
    return { header: decode(head), claims: decode(body) };
  } catch {
    return null;
  }
}

function showProblem(error) {
  const known = error instanceof Refusal;
  at("problem-title").textContent = known ? error.title : "Something went wrong in this app";
  at("problem-text").textContent = error.message;
  at("problem").hidden = false;
  at("retry").hidden = Boolean(server);                  // with a server, the page's own buttons are the way on
  at("status").textContent = "Not done.";
  if (!known) console.error(error);
}

/** Makes a button do `work`; its result is shown, and a second click waits for the first. */
function on(id, work, status) {
  at(id).addEventListener("click", async () => {
    const buttons = [...document.querySelectorAll("main button")];
    const enabled = buttons.filter((button) => !button.disabled);
    enabled.forEach((button) => { button.disabled = true; });
    at("status").textContent = "Asking…";
    at("output").removeAttribute("class");
    try {
      const result = await work();
      if (result === undefined) return;                  // the browser is leaving, or everything was drawn
      show(status);
      at("output").textContent = pretty(result);
    } catch (error) {
      if (!session) show("Not logged in.");
      showProblem(error);
      at("output").className = "bad";
      at("output").textContent = `${error.title ?? "Error"}: ${error.message}`;
    } finally {
      enabled.forEach((button) => { button.disabled = false; });
      if (session) at("refresh").disabled = !session.refreshToken;
      at(session || id === "login" ? id : "welcome-title").focus();
    }
  });
}

async function start() {
  at("retry").addEventListener("click", () => location.replace("/"));
  if (!globalThis.crypto?.subtle) {
    return showProblem(new Refusal("Not a safe address", "Browsers offer cryptography on https and on localhost only."));
  }
  on("login", logIn);
  on("userinfo", userinfo, "Userinfo answered.");
  on("call-api", callApi, "The API answered.");
  on("refresh", refresh, "New tokens.");
  on("logout", logOut);
  try {
    await discover();
    const status = await comeBack();
    show(status ?? "Not logged in.");
    if (status) at(session ? "person" : "welcome-title").focus();
  } catch (error) {
    if (server) show("Not logged in.");
    showProblem(error);
  }
}

await start();
