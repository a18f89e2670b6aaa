// Authorization code with PKCE and refresh by @badgateway/oauth2-client, as its documentation shows it.
import { OAuth2Client, generateCodeVerifier } from "@badgateway/oauth2-client";
import { run } from "../page.js";

run(({ issuer, clientId, scope, redirectUri }) => {
  const client = new OAuth2Client({
    server: issuer,
    clientId,
    // Relative to the server: the document of RFC 8414.
    discoveryEndpoint: "/.well-known/oauth-authorization-server",
  });
  let token;
  return {
    async login() {
      const codeVerifier = await generateCodeVerifier();
      const state = crypto.randomUUID();
      sessionStorage.setItem("pending", JSON.stringify({ codeVerifier, state }));
      location.href = await client.authorizationCode.getAuthorizeUri({
        redirectUri,
        state,
        codeVerifier,
        scope: scope.split(" "),
      });
    },
    async finish(url) {
      const { codeVerifier, state } = JSON.parse(sessionStorage.getItem("pending"));
      token = await client.authorizationCode.getTokenFromCodeRedirect(url, { redirectUri, state, codeVerifier });
      return token;
    },
    async refresh() {
      token = await client.refreshToken(token);
      return token;
    },
  };
});
