//! Waits on this machine for the browser's return, and believes what it brings only after every check.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::cli::CliError;

/// Longest request head that is read.
const MAX_HEAD: usize = 16 << 10;

/// A listener for the browser's return (RFC 8252 §7.3: the loopback interface, any port).
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

/// What the answer must say.
pub(super) struct Expected<'a> {
    pub state: &'a str,
    pub issuer: &'a str,
}

impl Callback {
    /// Listens on `port`, or on a free one when it is taken.
    pub(super) async fn bind(port: u16) -> Result<Self, CliError> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(|error| CliError::failed(format!("no port for the browser's return: {error}")))?,
        };
        let port = listener.local_addr().map_err(|error| CliError::failed(error.to_string()))?.port();
        Ok(Self { listener, port })
    }

    /// Where the browser returns to.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    /// The code the browser brings.
    pub(super) async fn code(&self, expected: &Expected<'_>, patience: Duration) -> Result<String, CliError> {
        let waiting = async {
            loop {
                let Ok((mut stream, _)) = self.listener.accept().await else { continue };
                let Some(target) = target(&mut stream).await else { continue };
                let Some(outcome) = read(&target, expected) else {
                    say(&mut stream, "404 Not Found", "There is nothing here.").await;
                    continue;
                };
                let told = if outcome.is_ok() {
                    "Done. You can close this page and go back to the terminal."
                } else {
                    "This did not work. The terminal says why."
                };
                say(&mut stream, "200 OK", told).await;
                return outcome.map_err(CliError::failed);
            }
        };
        tokio::time::timeout(patience, waiting)
            .await
            .unwrap_or_else(|_| Err(CliError::failed("nobody came back in time; start again, or wait longer: --wait")))
    }
}

/// What the answer at `target` brings; `None` when it is none of ours.
fn read(target: &str, expected: &Expected<'_>) -> Option<Result<String, String>> {
    let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    if url.path() != "/callback" {
        return None;
    }
    let one = |name: &str| {
        let mut values = url.query_pairs().filter(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        values.next().filter(|_| values.next().is_none())
    };
    // Anybody on this machine can call: only the right state is an answer at all.
    if one("state").as_deref() != Some(expected.state) {
        return Some(Err("the answer does not belong to this request: its state is another".to_owned()));
    }
    // RFC 9207 §2.4: an answer of another server must not be used.
    if one("iss").as_deref() != Some(expected.issuer) {
        return Some(Err("the answer does not come from this issuer: its iss is another, or there is none".to_owned()));
    }
    if let Some(error) = one("error") {
        let why = one("error_description").map(|text| format!(": {text}")).unwrap_or_default();
        let clean: String = format!("the server refused: {error}{why}").chars().filter(|c| !c.is_control()).collect();
        return Some(Err(clean));
    }
    Some(one("code").ok_or_else(|| "the answer has neither code nor error".to_owned()))
}

/// The request target of a GET.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let reading = async {
        let mut head = Vec::new();
        let mut part = [0; 2_048];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < MAX_HEAD {
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => head.extend_from_slice(&part[..n]),
            }
        }
        let text = String::from_utf8(head).ok()?;
        let mut words = text.lines().next()?.split(' ');
        (words.next()? == "GET").then_some(())?;
        words.next().map(str::to_owned)
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.ok().flatten()
}

async fn say(stream: &mut TcpStream, status: &str, text: &str) {
    let body = format!("<!doctype html><meta charset=utf-8><title>Sallyport</title><p>{text}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A browser that left misses a sentence, no more.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_our_state_and_issuer_is_believed() {
        let expected = Expected { state: "s", issuer: "http://i" };
        for (target, outcome) in [
            ("/favicon.ico", None),
            ("/callback?code=c&state=s&iss=http://i", Some(Ok("c"))),
            ("/callback?code=c&state=x&iss=http://i", Some(Err("its state is another"))),
            ("/callback?code=c&iss=http://i", Some(Err("its state is another"))),
            ("/callback?code=c&state=s&state=s&iss=http://i", Some(Err("its state is another"))),
            ("/callback?code=c&state=s", Some(Err("its iss is another"))),
            ("/callback?code=c&state=s&iss=http://j", Some(Err("its iss is another"))),
            ("/callback?state=s&iss=http://i", Some(Err("neither code nor error"))),
            ("/callback?error=access_denied&state=s&iss=http://i", Some(Err("access_denied"))),
        ] {
            let got = read(target, &expected);
            match (outcome, got) {
                (None, None) => {}
                (Some(Ok(code)), Some(Ok(found))) => assert_eq!(code, found),
                (Some(Err(part)), Some(Err(why))) => assert!(why.contains(part), "{target}: {why}"),
                (_, other) => panic!("{target}: {other:?}"),
            }
        }
    }
}
