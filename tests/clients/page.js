// What both pages do around the library that they try: read their settings, run the steps, show what came of it.
//
// The settings come with the first visit: ?issuer=...&client_id=...&scope=... They are kept in this tab, because the
// provider comes back to the bare address of the page, with its own parameters: that address is the redirect URI.

const element = (id) => document.getElementById(id);

function show(id, value) {
  element(id).textContent = JSON.stringify(value, null, 2);
}

function settings() {
  const query = new URLSearchParams(location.search);
  if (query.has("issuer")) {
    sessionStorage.setItem(
      "settings",
      JSON.stringify({
        issuer: query.get("issuer"),
        clientId: query.get("client_id"),
        scope: query.get("scope") ?? "openid offline_access",
        redirectUri: location.origin + location.pathname,
      }),
    );
  }
  return JSON.parse(sessionStorage.getItem("settings") ?? "null");
}

/// Runs a step; what goes wrong is shown in #error, where tests look.
async function attempt(step) {
  try {
    await step();
  } catch (error) {
    show("error", { name: error.name, message: error.message, error: error.error ?? error.oauth2Code });
    throw error;
  }
}

/// Wires the page to a library. `connect(settings)` returns
/// - `login()`: sends the browser to the provider,
/// - `finish(url)`: redeems the answer that came back in `url` and returns the tokens,
/// - `refresh()`: returns new tokens.
export function run(connect) {
  attempt(async () => {
    const given = settings();
    if (given === null) throw new Error("open this page with ?issuer=...&client_id=...&scope=...");
    const client = connect(given);
    element("login").onclick = () => attempt(() => client.login());
    element("refresh").onclick = () => attempt(async () => show("result2", await client.refresh()));
    const query = new URLSearchParams(location.search);
    if (query.has("code") || query.has("error")) {
      const answer = location.href;
      history.replaceState(null, "", given.redirectUri);
      show("result", await client.finish(answer));
      element("refresh").disabled = false;
    }
  });
}
