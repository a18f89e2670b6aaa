//! `perform`: gets tokens as a client would, with other people's client library, so that it also checks the server.
//!
//! Opens no browser: it prints the address to open. Not here: waiting for the browser ([`callback`]).

mod callback;

use std::time::Duration;

use clap::{Args, Subcommand};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, TokenResponse,
};
use serde_json::{Value, json};

use self::callback::Callback;
use super::CliError;
use super::api::shown;
use super::output::Output;
use crate::outbound::{CallError, Caller, RawCall};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Logs a person in, with a browser, by the authorization code flow with PKCE; checks the ID token.
    AuthorizationCode(AuthorizationCodeArgs),
    /// Gets a token for the client itself.
    ClientCredentials(ClientArgs),
}

#[derive(Args)]
pub(super) struct ClientArgs {
    /// The issuer, exactly.
    #[arg(short, long, env = "ORY_SDK_URL", default_value = "http://localhost:4444", hide_env_values = true)]
    endpoint: String,
    /// The client's id.
    #[arg(long)]
    client_id: String,
    /// Its secret; none for a public client. Better in the environment than in a command line.
    #[arg(long, env = "SALLYPORT_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
    /// Sends the secret in the body instead of a header.
    #[arg(long)]
    client_secret_post: bool,
    /// The scopes to ask for.
    #[arg(long, value_delimiter = ',')]
    scope: Vec<String>,
    /// The audiences to ask for.
    #[arg(long, value_delimiter = ',')]
    audience: Vec<String>,
}

#[derive(Args)]
pub(super) struct AuthorizationCodeArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Where the browser comes back to on this machine; another free port is taken when it is in use.
    #[arg(long, default_value_t = 4446)]
    port: u16,
    /// What the server should ask: login, consent, none.
    #[arg(long, value_delimiter = ',')]
    prompt: Vec<String>,
    /// How long to wait for the browser, in seconds.
    #[arg(long, default_value_t = 300)]
    wait: u64,
}

/// The library's client once discovery has told the endpoints.
type Discovered =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub(super) async fn run(command: Command, output: &Output) -> Result<(), CliError> {
    let http = Caller::new()?;
    match command {
        Command::AuthorizationCode(args) => authorization_code(args, &http, output).await,
        Command::ClientCredentials(args) => client_credentials(args, &http, output).await,
    }
}

async fn client_credentials(args: ClientArgs, http: &Caller, output: &Output) -> Result<(), CliError> {
    if args.client_secret.is_none() {
        return Err(CliError::usage("--client-secret is needed: a public client has no tokens of its own"));
    }
    let client = discover(&args, http).await?;
    let mut request = client.exchange_client_credentials().map_err(unusable)?;
    for scope in &args.scope {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    for audience in &args.audience {
        request = request.add_extra_param("audience", audience);
    }
    let fetch = |request| exchange(http, request);
    let token = request.request_async(&fetch).await.map_err(|error| refused("the token endpoint", &error))?;
    show(&serde_json::to_value(&token).unwrap_or_default(), None, output);
    Ok(())
}

async fn authorization_code(args: AuthorizationCodeArgs, http: &Caller, output: &Output) -> Result<(), CliError> {
    let callback = Callback::bind(args.port).await?;
    let redirect = RedirectUrl::new(callback.address()).map_err(|error| CliError::failed(error.to_string()))?;
    let client = discover(&args.client, http).await?.set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let begin =
        client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random);
    let scopes = args.client.scope.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
    let mut begin = begin.add_scopes(scopes).set_pkce_challenge(challenge);
    for audience in &args.client.audience {
        begin = begin.add_extra_param("audience", audience);
    }
    if !args.prompt.is_empty() {
        begin = begin.add_extra_param("prompt", args.prompt.join(" "));
    }
    let (url, state, nonce) = begin.url();
    output.remark(
        "The client must have http://127.0.0.1:4446/callback among its redirect URIs; the port may be another.",
    );
    output.remark("Open this address in a browser:");
    output.line(url.as_str());
    let expected = callback::Expected { state: state.secret(), issuer: &args.client.endpoint };
    let code = callback.code(&expected, Duration::from_secs(args.wait)).await?;
    redeem(&client, http, code, verifier, &nonce, output).await
}

async fn redeem(
    client: &Discovered,
    http: &Caller,
    code: String,
    verifier: PkceCodeVerifier,
    nonce: &Nonce,
    output: &Output,
) -> Result<(), CliError> {
    let fetch = |request| exchange(http, request);
    let request = client.exchange_code(AuthorizationCode::new(code)).map_err(unusable)?;
    let token = request
        .set_pkce_verifier(verifier)
        .request_async(&fetch)
        .await
        .map_err(|error| refused("the token endpoint", &error))?;
    let id_token = token.id_token().ok_or_else(|| CliError::failed("the server gave no ID token"))?;
    let algorithms = [
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        CoreJwsSigningAlgorithm::EdDsa,
    ];
    let verifier = client.id_token_verifier().set_allowed_algs(algorithms);
    let claims = id_token
        .claims(&verifier, nonce)
        .map_err(|error| CliError::failed(format!("the ID token cannot be believed: {error}")))?;
    let claims = serde_json::to_value(claims).unwrap_or_default();
    debug_assert!(!token.access_token().secret().is_empty());
    show(&serde_json::to_value(&token).unwrap_or_default(), Some(claims), output);
    Ok(())
}

async fn discover(args: &ClientArgs, http: &Caller) -> Result<Discovered, CliError> {
    let issuer = IssuerUrl::new(args.endpoint.clone())
        .map_err(|_| CliError::usage("--endpoint must be the issuer, such as http://localhost:4444"))?;
    let fetch = |request| exchange(http, request);
    let metadata =
        CoreProviderMetadata::discover_async(issuer, &fetch).await.map_err(|error| refused("discovery", &error))?;
    let secret = args.client_secret.clone().map(ClientSecret::new);
    let how = if args.client_secret_post { AuthType::RequestBody } else { AuthType::BasicAuth };
    Ok(CoreClient::from_provider_metadata(metadata, ClientId::new(args.client_id.clone()), secret).set_auth_type(how))
}

/// One call of the library, made by our HTTP client.
async fn exchange(http: &Caller, request: HttpRequest) -> Result<HttpResponse, CallError> {
    let (parts, body) = request.into_parts();
    let text = |(name, value): (&openidconnect::http::HeaderName, &openidconnect::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let call = RawCall {
        method: parts.method.to_string(),
        url: parts.uri.to_string(),
        headers: parts.headers.iter().filter_map(text).collect(),
        body,
    };
    let answer = http.raw(call).await?;
    let mut response = openidconnect::http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body).map_err(|_| CallError::Failed("the answer is not HTTP".to_owned()))
}

fn unusable(error: impl std::fmt::Display) -> CliError {
    CliError::failed(format!("the server's discovery document lacks an endpoint: {error}"))
}

/// The innermost sentence of the library's error.
fn refused(what: &str, error: &dyn std::error::Error) -> CliError {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    CliError::failed(format!("{what}: {innermost}"))
}

fn show(token: &Value, claims: Option<Value>, output: &Output) {
    let mut document = token.clone();
    let names = [
        ("ACCESS TOKEN", "access_token"),
        ("REFRESH TOKEN", "refresh_token"),
        ("ID TOKEN", "id_token"),
        ("EXPIRES IN", "expires_in"),
        ("SCOPE", "scope"),
    ];
    let mut rows: Vec<(&str, String)> =
        names.iter().map(|(head, name)| (*head, shown(token, name))).filter(|(_, value)| !value.is_empty()).collect();
    if let Some(claims) = claims {
        rows.push(("VERIFIED CLAIMS", claims.to_string()));
        if let Value::Object(members) = &mut document {
            members.insert("id_token_claims".to_owned(), json!(claims));
        }
    }
    output.one(&document, &rows, &shown(token, "access_token"));
}
