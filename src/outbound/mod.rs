//! F2: calls to other servers. One client with limits; nothing else may make one.
//!
//! It follows no redirects, waits only so long, and reads only so much. Not here: what is asked and what an answer means.

mod raw;

pub use raw::{RawAnswer, RawCall};

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::Secret;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole call may take.
const WHOLE: Duration = Duration::from_secs(15);
/// Largest answer that is read, in bytes.
const LARGEST: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server cannot be reached, or broke off.
    #[error("the server does not answer: {0}")]
    Failed(String),
    /// The answer is larger than 4 MiB.
    #[error("the answer is larger than 4 MiB")]
    TooLarge,
    /// The answer is not the JSON that was expected.
    #[error("the answer is not the expected JSON: {0}")]
    Unexpected(#[from] serde_json::Error),
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        let mut text = innermost.to_string();
        text.truncate(text.floor_char_boundary(300));
        Self::Failed(text)
    }
}

/// How the caller proves itself.
#[derive(Clone, Copy, Debug, Default)]
pub enum Proof<'a> {
    /// A client by `client_secret_basic` (RFC 6749 §2.3.1): both parts are percent-encoded first.
    Basic(&'a str, &'a Secret<String>),
    /// The bearer of a token (RFC 6750 §2.1).
    Bearer(&'a Secret<String>),
    /// It does not.
    #[default]
    None,
}

/// What a call sends.
#[derive(Clone, Copy, Debug, Default)]
pub enum Body<'a> {
    /// `application/x-www-form-urlencoded`.
    Form(&'a [(&'a str, &'a str)]),
    /// `application/json`.
    Json(&'a Value),
    /// Nothing.
    #[default]
    None,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads; it was not followed.
    pub location: Option<String>,
    /// The body; may hold secrets.
    pub body: Secret<Vec<u8>>,
}

impl Answer {
    /// Whether the status is 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`CallError::Unexpected`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        Ok(serde_json::from_slice(self.body.expose())?)
    }
}

/// Calls other servers.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
}

impl Caller {
    /// A caller with our limits.
    ///
    /// # Errors
    /// [`CallError::Failed`] when TLS cannot be set up.
    pub fn new() -> Result<Self, CallError> {
        let client = Client::builder()
            .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()?;
        Ok(Self { client })
    }

    /// Makes one call. `method` is an HTTP method in capitals.
    ///
    /// # Errors
    /// [`CallError`]; an answer with an error status is an answer.
    pub async fn call(&self, method: &str, url: &str, proof: Proof<'_>, body: Body<'_>) -> Result<Answer, CallError> {
        let method = method.parse().map_err(|_| CallError::Failed("this is no HTTP method".to_owned()))?;
        let request = with_proof(self.client.request(method, url), proof);
        let request = match body {
            Body::Form(fields) => request.form(fields),
            Body::Json(value) => request.json(value),
            Body::None => request,
        };
        let mut response = request.header("accept", "application/json").send().await?;
        let status = response.status().as_u16();
        let location = response.headers().get("location").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut read = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if read.len() + chunk.len() > LARGEST {
                return Err(CallError::TooLarge);
            }
            read.extend_from_slice(&chunk);
        }
        Ok(Answer { status, location, body: Secret::new(read) })
    }
}

fn with_proof(request: RequestBuilder, proof: Proof<'_>) -> RequestBuilder {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match proof {
        Proof::Basic(id, secret) => request.basic_auth(encoded(id), Some(encoded(secret.expose()))),
        Proof::Bearer(token) => request.bearer_auth(token.expose()),
        Proof::None => request,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn both_parts_of_basic_are_percent_encoded() {
        let caller = Caller::new().expect("a caller");
        let secret = Secret::from("p%+ü");
        let request = with_proof(caller.client.get("http://localhost/"), Proof::Basic("a:b", &secret));
        let request = request.build().expect("a request");
        let header = request.headers().get("authorization").and_then(|v| v.to_str().ok()).expect("a header");
        let decoded = STANDARD.decode(header.strip_prefix("Basic ").expect("basic")).expect("base64");
        assert_eq!(String::from_utf8_lossy(&decoded), "a%3Ab:p%25%2B%C3%BC");
    }
}
