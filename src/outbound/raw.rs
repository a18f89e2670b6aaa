//! A call with headers and a body of the caller's own making, and the whole answer: for libraries that speak HTTP
//! themselves, and for what an operator types.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{CallError, Caller, LARGEST};

/// A call to be made.
#[derive(Clone, Debug, Default)]
pub struct RawCall {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Absolute, http or https.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Vec<u8>,
}

/// What came back; may hold secrets.
#[derive(Clone)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values that are text.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Caller {
    /// Makes one call exactly as it is written.
    ///
    /// # Errors
    /// [`CallError`]; an answer with an error status is an answer.
    pub async fn raw(&self, call: RawCall) -> Result<RawAnswer, CallError> {
        let method = call.method.parse().map_err(|_| CallError::Failed("this is no HTTP method".to_owned()))?;
        let request = self.client.request(method, &call.url).headers(headers(&call.headers)?).body(call.body);
        let mut response = request.send().await?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let status = response.status().as_u16();
        let headers = response.headers().iter().filter_map(text).collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(CallError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer { status, headers, body })
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let name: HeaderName = name
            .parse()
            .map_err(|_| CallError::Failed("a header's name must be a word such as X-Request-Id".to_owned()))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| CallError::Failed("a header's value must be visible ASCII characters".to_owned()))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
