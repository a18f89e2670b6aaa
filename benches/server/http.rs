//! Request bytes, and a one-shot client for what happens outside measured windows.
//!
//! Not here: the load generator ([`super::load`]).

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::response;

/// Characters that need no escape in a form value or a query (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request to be turned into bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// More header lines, each ending in CRLF.
    pub headers: &'a str,
    /// Media type of `body`; no body when empty.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a str,
}

/// An answer that owns its bytes.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Request<'_> {
    /// Appends the request, addressed to `localhost`, to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut head = String::with_capacity(512);
        let _ = write!(head, "{} {} HTTP/1.1\r\nhost: localhost\r\n{}", self.method, self.target, self.headers);
        if !self.content_type.is_empty() {
            let _ = write!(head, "content-type: {}\r\ncontent-length: {}\r\n", self.content_type, self.body.len());
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_bytes());
    }

    /// The request's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write(&mut out);
        out
    }
}

/// `value` as it stands in a form or a query.
pub fn escape(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

/// A body of the media type `application/x-www-form-urlencoded`.
pub fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&")
}

/// The header line of HTTP Basic client authentication (RFC 6749 §2.3.1).
pub fn basic(client: &str, secret: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{}:{}", escape(client), escape(secret))))
}

/// Sends one request on a new connection and waits for the answer.
///
/// # Errors
/// A sentence when there is no answer, or none that can be read.
pub fn call(address: SocketAddr, request: &Request<'_>) -> Result<Reply, String> {
    let failed = |error: std::io::Error| format!("{} {}: {error}", request.method, path(request.target));
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(failed)?;
    stream.write_all(&request.bytes()).map_err(failed)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let count = stream.read(&mut buffer[filled..]).map_err(failed)?;
        if count == 0 {
            return Err(format!("{} {}: the connection ended early", request.method, path(request.target)));
        }
        filled += count;
        match response::read(&buffer[..filled]) {
            Ok(Some(answer)) => return Ok(Reply { status: answer.status, body: answer.body.to_vec() }),
            Ok(None) => {}
            Err(error) => return Err(format!("{} {}: {error}", request.method, path(request.target))),
        }
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}
