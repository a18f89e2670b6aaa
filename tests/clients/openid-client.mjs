// Tries a running provider with openid-client, the certified relying party library for Node.
//
// One line a check on standard output; ends with status 1 at the first that fails. Set in the environment:
//   ISSUER                                  http://localhost:4444
//   MACHINE_CLIENT_ID, MACHINE_CLIENT_SECRET    a client that may use client_credentials
//   WEB_CLIENT_ID, WEB_CLIENT_SECRET, REDIRECT_URI    a confidential web application
//   API_CLIENT_ID, API_CLIENT_SECRET        a client that may introspect any token
//   IDENTIFIER, PASSWORD                    a person, as typed into the login form
//   SCOPE                                   optional; "openid offline_access" if absent
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { Person } from "./person.js";

function given(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; the head of openid-client.mjs lists what is needed`);
    process.exit(2);
  }
  return value;
}

const issuer = given("ISSUER");
const scope = process.env.SCOPE || "openid offline_access";
const redirectUri = given("REDIRECT_URI");

let passed = 0;
async function check(what, step) {
  try {
    const value = await step();
    passed += 1;
    console.log(`ok      ${what}`);
    return value;
  } catch (error) {
    console.log(`FAILED  ${what}`);
    console.error(error);
    process.exit(1);
  }
}

/// A client as openid-client sees it. ID tokens' signatures are verified by the published keys.
function connect(name) {
  return oidc.discovery(
    new URL(issuer),
    given(`${name}_CLIENT_ID`),
    undefined,
    oidc.ClientSecretBasic(given(`${name}_CLIENT_SECRET`)),
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );
}

const refused = (code, status) => (error) => {
  assert.equal(error.error, code);
  assert.equal(error.status, status);
  return true;
};

async function authorize(config, person) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
  });
  const back = await person.visit(url, redirectUri);
  return { back, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
}

const machine = await check("discovery", async () => {
  const config = await connect("MACHINE");
  const metadata = config.serverMetadata();
  assert.equal(metadata.issuer, issuer);
  assert.ok(metadata.supportsPKCE("S256"), "PKCE with S256 is advertised");
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  for (const name of ["authorization", "token", "introspection", "revocation", "userinfo"]) {
    assert.ok(metadata[`${name}_endpoint`], `${name}_endpoint is advertised`);
  }
  return config;
});
const web = await connect("WEB");
const api = await connect("API");
const introspect = (token) => oidc.tokenIntrospection(api, token);

await check("client_credentials, and the API sees a live token", async () => {
  const tokens = await oidc.clientCredentialsGrant(machine);
  assert.equal(tokens.token_type, "bearer");
  assert.ok(tokens.expires_in > 0);
  assert.equal(tokens.refresh_token, undefined);
  assert.equal(tokens.id_token, undefined);
  const seen = await introspect(tokens.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.client_id, process.env.MACHINE_CLIENT_ID);
});

await check("a wrong secret is invalid_client", async () => {
  const wrong = await oidc.discovery(new URL(issuer), process.env.MACHINE_CLIENT_ID, undefined,
    oidc.ClientSecretBasic("not-the-secret"), { execute: [oidc.allowInsecureRequests] });
  // The challenge of a 401 makes openid-client raise another error than for a plain refusal.
  await assert.rejects(oidc.clientCredentialsGrant(wrong), (error) => {
    assert.equal(error.status, 401);
    assert.ok(Array.isArray(error.cause) || error.error === "invalid_client", "a challenge, or the error itself");
    return true;
  });
});

await check("a token that never was is inactive", async () => {
  assert.equal((await introspect("never-issued")).active, false);
});

const person = new Person({ identifier: given("IDENTIFIER"), password: given("PASSWORD") });
const first = await check("authorization code with PKCE: login, consent, ID token", async () => {
  const { back, checks } = await authorize(web, person);
  assert.equal(person.asked[0], "login");
  assert.equal(back.searchParams.get("iss"), issuer);
  const tokens = await oidc.authorizationCodeGrant(web, back, checks);
  assert.equal(tokens.claims().iss, issuer);
  assert.deepEqual([tokens.claims().aud].flat(), [process.env.WEB_CLIENT_ID]);
  assert.ok(tokens.claims().auth_time > 0);
  assert.ok(tokens.refresh_token);
  return tokens;
});
const subject = first.claims().sub;

await check("userinfo is about the same person", async () => {
  assert.equal((await oidc.fetchUserInfo(web, first.access_token, subject)).sub, subject);
});

const second = await check("refresh: new tokens, a rotated refresh token, the same person", async () => {
  const tokens = await oidc.refreshTokenGrant(web, first.refresh_token);
  assert.notEqual(tokens.access_token, first.access_token);
  assert.notEqual(tokens.refresh_token, first.refresh_token);
  if (tokens.claims()) assert.equal(tokens.claims().sub, subject);
  const seen = await introspect(tokens.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.sub, subject);
  return tokens;
});

await check("a revoked refresh token is dead, and so is what came of it", async () => {
  await oidc.tokenRevocation(web, second.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(web, second.refresh_token), refused("invalid_grant", 400));
  assert.equal((await introspect(second.access_token)).active, false);
});

await check("a code works once, and its replay kills its tokens", async () => {
  const { back, checks } = await authorize(web, person);
  const tokens = await oidc.authorizationCodeGrant(web, back, checks);
  await assert.rejects(oidc.authorizationCodeGrant(web, back, checks), refused("invalid_grant", 400));
  assert.equal((await introspect(tokens.access_token)).active, false);
});

console.log(`${passed} passed, 0 failed`);
