//! The `openidconnect` and `oauth2` crates: the whole code flow with PKCE, and everything that follows.

use oauth2::basic::BasicClient;
use oauth2::{AuthType, IntrospectionUrl, RevocationUrl, StandardRevocableToken, TokenIntrospectionResponse};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use serde_json::json;
use url::Url;

use crate::support::api::{Credentials, http};
use crate::support::db::{Engine, TestDatabase};
use crate::support::person::Person;
use crate::support::server::{Home, Server};

const CALLBACK: &str = "https://diary.example/callback";

/// What both crates send their requests with. `oauth2` revokes over https alone; here the proxy that ends TLS is missing.
async fn fetch(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let mut request: reqwest::Request = request.try_into()?;
    request.url_mut().set_scheme("http").unwrap();
    let answer = http().execute(request).await?;
    let mut response = openidconnect::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(answer.bytes().await?.to_vec()).unwrap())
}

/// The value of one parameter of an answer.
fn parameter(back: &Url, name: &str) -> String {
    let found = back.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    found.unwrap_or_else(|| panic!("no {name} in {back}"))
}

/// A server over this database, and the lifetime of the database.
async fn start(engine: Engine) -> (Server, Option<TestDatabase>) {
    match engine {
        Engine::Sqlite => (Server::dev().await, None),
        Engine::Postgres => {
            let database = TestDatabase::empty(engine);
            let home = Home::new();
            home.configure_dev(&format!("dsn: {}", database.dsn()));
            (Server::dev_in(home, &[]).await, Some(database))
        }
    }
}

#[actix_web::test]
async fn openidconnect_believes_id_tokens_of_every_algorithm() {
    for engine in Engine::ALL {
        let (server, _database) = start(engine).await;
        for alg in ["RS256", "ES256", "EdDSA"] {
            log_in_by_openid_connect(&server, alg).await;
        }
    }
}

async fn log_in_by_openid_connect(server: &Server, alg: &str) {
    let client = server.api().register_web_app(CALLBACK, &json!({ "id_token_signed_response_alg": alg })).await;
    let issuer = IssuerUrl::new(server.issuer()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &fetch).await.unwrap();
    let secret = ClientSecret::new(client.secret.unwrap());
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(client.id), Some(secret))
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["email", "profile", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let mut alice = Person::new("alice@example.com", &server.secret("DEMO_PASSWORD"));
    let back = alice.visit(url, CALLBACK).await;
    assert_eq!(&parameter(&back, "state"), state.secret());
    let code = AuthorizationCode::new(parameter(&back, "code"));
    let request = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    let tokens = request.request_async(&fetch).await.unwrap();

    let id_token = tokens.id_token().expect("an ID token");
    assert_eq!(serde_json::to_value(id_token.signing_alg().unwrap()).unwrap(), alg);
    let verifier = client.id_token_verifier().set_allowed_algs([id_token.signing_alg().unwrap().clone()]);
    let claims = id_token.claims(&verifier, &nonce).unwrap();
    assert_eq!(claims.email().map(|email| email.as_str()), Some("alice@example.com"));
    let key = id_token.signing_key(&verifier).unwrap();
    let hash = AccessTokenHash::from_token(tokens.access_token(), id_token.signing_alg().unwrap(), key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash), "OIDC Core §3.1.3.6");
    assert!(id_token.claims(&verifier, &Nonce::new_random()).is_err(), "the nonce is in it");

    let request = client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).unwrap();
    let person: CoreUserInfoClaims = request.request_async(&fetch).await.unwrap();
    assert_eq!(person.email(), claims.email());
    let refresh = tokens.refresh_token().expect("a refresh token");
    let refreshed = client.exchange_refresh_token(refresh).unwrap().request_async(&fetch).await.unwrap();
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
    let again = refreshed.id_token().expect("an ID token again").claims(&verifier, &nonce);
    assert_eq!(again.unwrap().subject(), claims.subject(), "OIDC Core §12.2");
}

#[actix_web::test]
async fn oauth2_gets_refreshes_introspects_and_revokes() {
    for engine in Engine::ALL {
        let (server, _database) = start(engine).await;
        let methods = [(AuthType::BasicAuth, "client_secret_basic"), (AuthType::RequestBody, "client_secret_post")];
        for (method, word) in methods {
            let more = json!({ "token_endpoint_auth_method": word, "introspect": "own" });
            let client = server.api().register_web_app(CALLBACK, &more).await;
            use_oauth2(&server, client, method).await;
        }
    }
}

async fn use_oauth2(server: &Server, client: Credentials, method: AuthType) {
    let at = |path: &str| format!("{}{path}", server.issuer());
    let client = BasicClient::new(ClientId::new(client.id))
        .set_client_secret(ClientSecret::new(client.secret.unwrap()))
        .set_auth_type(method)
        .set_auth_uri(AuthUrl::new(at("/oauth2/auth")).unwrap())
        .set_token_uri(TokenUrl::new(at("/oauth2/token")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(at("/oauth2/introspect")).unwrap())
        .set_revocation_url(RevocationUrl::new(at("/oauth2/revoke").replace("http://", "https://")).unwrap())
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let scope = Scope::new("offline_access".to_owned());
    let (url, state) = client.authorize_url(CsrfToken::new_random).add_scope(scope).set_pkce_challenge(challenge).url();
    let mut alice = Person::new("alice@example.com", &server.secret("DEMO_PASSWORD"));
    let back = alice.visit(url, CALLBACK).await;
    assert_eq!(&parameter(&back, "state"), state.secret());
    let code = AuthorizationCode::new(parameter(&back, "code"));
    let tokens = client.exchange_code(code).set_pkce_verifier(verifier).request_async(&fetch).await.unwrap();
    let refresh = tokens.refresh_token().unwrap();
    let tokens = client.exchange_refresh_token(refresh).request_async(&fetch).await.unwrap();

    let access = tokens.access_token();
    let seen = client.introspect(access).request_async(&fetch).await.unwrap();
    assert!(seen.active() && seen.client_id() == Some(client.client_id()), "{seen:?}");
    let refresh = StandardRevocableToken::from(tokens.refresh_token().unwrap());
    client.revoke_token(refresh).unwrap().request_async(&fetch).await.unwrap();
    assert!(!client.introspect(access).request_async(&fetch).await.unwrap().active(), "the whole family is dead");
    let own = client.exchange_client_credentials().request_async(&fetch).await.unwrap();
    assert!(client.introspect(own.access_token()).request_async(&fetch).await.unwrap().active());
}
