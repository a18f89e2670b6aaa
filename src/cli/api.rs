//! Talks to the admin API of a running server, for the commands that administer it.

use clap::Args;
use serde_json::Value;

use super::CliError;
use crate::base::Secret;
use crate::outbound::{Caller, RawAnswer, RawCall};

/// The variable that holds a bearer key of the admin API, so that it stands in no command line.
const KEY_VARIABLE: &str = "SALLYPORT_ADMIN_KEY";

/// Where the server is, and how to get in.
#[derive(Args, Clone, Debug)]
pub(super) struct Endpoint {
    /// The admin API of the server. A bearer key for it is taken from SALLYPORT_ADMIN_KEY.
    #[arg(short, long, env = "ORY_SDK_URL", default_value = "http://localhost:4445", hide_env_values = true)]
    endpoint: String,
    /// A header to send along, as `Name: value`; may be repeated.
    #[arg(short = 'H', long = "http-header", value_name = "HEADER")]
    headers: Vec<String>,
}

/// The admin API.
pub(super) struct Api {
    client: Caller,
    base: String,
    headers: Vec<(String, String)>,
}

impl Endpoint {
    /// The API behind this endpoint.
    pub(super) fn connect(&self) -> Result<Api, CliError> {
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        for header in &self.headers {
            let (name, value) =
                header.split_once(':').ok_or_else(|| CliError::usage("-H must be written as 'Name: value'"))?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        if let Some(key) = key()? {
            headers.push(("authorization".to_owned(), format!("Bearer {}", key.expose())));
        }
        let base = self.endpoint.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(CliError::usage("--endpoint must be an http or https address such as http://localhost:4445"));
        }
        Ok(Api { client: Caller::new()?, base, headers })
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn key() -> Result<Option<Secret<String>>, CliError> {
    match std::env::var(KEY_VARIABLE) {
        Ok(key) if !key.is_empty() => Ok(Some(Secret::new(key))),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(CliError::usage(format!("{KEY_VARIABLE} must be text"))),
    }
}

impl Api {
    /// Calls `path` and reads the JSON of a 2xx answer; 204 is `null`.
    ///
    /// # Errors
    /// A sentence with what the server said.
    pub(super) async fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, CliError> {
        let body = body.map(|value| ("application/json", value.to_string()));
        self.send(method, path, body).await
    }

    /// Posts a form and reads the JSON answer.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub(super) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Value, CliError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.send("POST", path, Some(("application/x-www-form-urlencoded", form.finish()))).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<(&str, String)>) -> Result<Value, CliError> {
        let mut headers = self.headers.clone();
        if let Some((kind, _)) = &body {
            headers.push(("content-type".to_owned(), (*kind).to_owned()));
        }
        let call = RawCall {
            method: method.to_owned(),
            url: format!("{}{path}", self.base),
            headers,
            body: body.map(|(_, text)| text.into_bytes()).unwrap_or_default(),
        };
        let answer = self.client.raw(call).await.map_err(|error| {
            CliError::failed(format!("no answer from the admin API at {}: {error}; is the server running?", self.base))
        })?;
        read(&answer)
    }
}

fn read(answer: &RawAnswer) -> Result<Value, CliError> {
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match (answer.status, json) {
        (200..300, Some(value)) => Ok(value),
        (204 | 205, None) => Ok(Value::Null),
        (200..300, None) => Err(CliError::failed("the server's answer is not JSON; is this the admin API?")),
        (status, json) => Err(CliError::failed(told(status, json.as_ref()))),
    }
}

/// What the server said, in one sentence. Both shapes of errors are understood.
fn told(status: u16, json: Option<&Value>) -> String {
    let word = |path: &str| json.and_then(|v| v.pointer(path)).and_then(Value::as_str).filter(|s| !s.is_empty());
    let what = word("/error_description").or_else(|| word("/error/reason")).or_else(|| word("/error/message"));
    let what = what.or_else(|| word("/error"));
    match (status, what) {
        (401, None) => format!("the server wants to know who you are (401); put a bearer key into {KEY_VARIABLE}"),
        (404, None) => "the server does not know this (404)".to_owned(),
        (status, Some(what)) => format!("the server refused ({status}): {what}"),
        (status, None) => format!("the server answered with status {status}"),
    }
}

/// One segment of a path, escaped.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A member as text for people; lists with spaces between.
pub(super) fn shown(document: &Value, name: &str) -> String {
    match document.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_shapes_of_errors_become_a_sentence() {
        for (status, body, sentence) in [
            (
                400,
                Some(json!({"error": "x", "error_description": "scope: bad"})),
                "the server refused (400): scope: bad",
            ),
            (409, Some(json!({"error": {"code": 409, "reason": "taken"}})), "the server refused (409): taken"),
            (409, Some(json!({"error": "Exists", "error_description": ""})), "the server refused (409): Exists"),
            (404, None, "the server does not know this (404)"),
            (502, None, "the server answered with status 502"),
        ] {
            assert_eq!(told(status, body.as_ref()), sentence);
        }
    }

    #[test]
    fn ids_are_escaped() {
        assert_eq!(segment("a/../b c"), "a%2F%2E%2E%2Fb%20c");
    }
}
