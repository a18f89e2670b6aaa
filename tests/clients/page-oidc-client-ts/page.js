// Authorization code with PKCE, ID token and refresh by oidc-client-ts, as its documentation shows it.
import { UserManager, WebStorageStateStore } from "oidc-client-ts";
import { run } from "../page.js";

const shown = ({ access_token, refresh_token, id_token, token_type, scope, expires_at, profile }) => ({
  access_token,
  refresh_token,
  id_token,
  token_type,
  scope,
  expires_at,
  profile,
});

run(({ issuer, clientId, scope, redirectUri }) => {
  const users = new UserManager({
    authority: issuer,
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    loadUserInfo: true,
    automaticSilentRenew: false,
    userStore: new WebStorageStateStore({ store: sessionStorage }),
  });
  return {
    login: () => users.signinRedirect(),
    finish: async (url) => shown(await users.signinRedirectCallback(url)),
    // With a refresh token at hand the library uses it, and no frame.
    refresh: async () => shown(await users.signinSilent()),
  };
});
