//! A client that sends exactly the bytes a test means, over a fresh connection each time, and follows nothing.
//!
//! Each [`Answer`] is checked when it arrives: a 5xx fails the test there, unless the test said [`Request::may_fail`].
//! Each request moves the test's clock on by a millisecond, so that what happens later is later.
//! Not here: cookies and redirects ([`super::user_agent`]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sallyport::base::TestClock;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded::{Serializer, byte_serialize};

/// No answer may take longer, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// One listener of a server.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it listens.
    pub address: SocketAddr,
    clock: Arc<TestClock>,
}

impl Http {
    pub const fn new(address: SocketAddr, clock: Arc<TestClock>) -> Self {
        Self { address, clock }
    }

    /// A GET of a path with its query.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// A POST of a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.request("POST", path).form(form).send().await
    }

    /// A request to be completed. The path is sent as it is, even if it is no path.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request {
            http: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            may_fail: false,
        }
    }
}

/// A request to be sent.
#[must_use]
#[derive(Clone, Debug)]
pub struct Request {
    http: Http,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    may_fail: bool,
}

impl Request {
    /// Adds a header; the same name again sends it twice.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// `Authorization: Basic`, its parts percent-encoded first as RFC 6749 §2.3.1 says.
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let encoded = |part: &str| byte_serialize(part.as_bytes()).collect::<String>();
        let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        self.header("Authorization", format!("Basic {pair}"))
    }

    /// `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// A body of this media type.
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut this = self.header("Content-Type", media_type);
        this.body = Some(body.into());
        this
    }

    /// A body without a media type.
    pub fn bare_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: &[(N, V)]) -> Self {
        self.body("application/x-www-form-urlencoded", encode(pairs))
    }

    /// A JSON document.
    pub fn json(self, document: &Value) -> Self {
        self.body("application/json", document.to_string())
    }

    /// Lets the answer be a 5xx.
    pub const fn may_fail(mut self) -> Self {
        self.may_fail = true;
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path.chars().take(200).collect::<String>());
        let may_fail = self.may_fail;
        self.http.clock.advance(Duration::from_millis(1));
        let exchange = exchange(self.http.address, self.bytes());
        let bytes = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{what}: no answer"));
        let answer = Answer::read(&bytes).unwrap_or_else(|| panic!("{what}: no HTTP: {:?}", Text(&bytes)));
        assert!(answer.status < 500 || may_fail, "{what}: {answer:?}");
        answer
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            bytes.extend(format!("Host: {}\r\n", self.http.address).bytes());
        }
        for (name, value) in &self.headers {
            bytes.extend(name.bytes().chain(*b": "));
            bytes.extend(value);
            bytes.extend(*b"\r\n");
        }
        if let Some(body) = &self.body
            && !self.headers.iter().any(|(name, _)| {
                name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
            })
        {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend(*b"Connection: close\r\n\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// Pairs as a form or query.
pub fn encode<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))).finish()
}

/// Sends bytes, and reads until the server closes. A server may answer, and close, before it read everything.
pub async fn exchange(address: SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&bytes).await;
        writing
    });
    let mut received = Vec::new();
    let _ = reading.read_to_end(&mut received).await;
    sending.abort();
    received
}

/// An answer.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let is_chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        let body = &bytes[end + 4..];
        let body = if is_chunked { unchunked(body)? } else { body.to_vec() };
        Some(Self { status, headers, body })
    }

    /// The value of a header that came once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        assert!(values.next().is_none(), "{name} came twice: {self:?}");
        first
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("the body is no text: {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body is no JSON: {error}: {self:?}"))
    }

    /// The body of a 200 as JSON.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Status and `error` of a JSON body: `400 invalid_grant`.
    #[track_caller]
    pub fn error(&self) -> String {
        let body = self.json();
        let error = body["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"));
        format!("{} {error}", self.status)
    }

    /// `error_description` of a JSON body.
    #[track_caller]
    pub fn description(&self) -> String {
        self.json()["error_description"].as_str().unwrap_or_else(|| panic!("no description: {self:?}")).to_owned()
    }

    /// Where a redirect leads.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert!((300..400).contains(&self.status), "no redirect: {self:?}");
        self.header("location").unwrap_or_else(|| panic!("no Location: {self:?}"))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {:?}", self.status, self.headers, Text(&self.body))
    }
}

/// Bytes for a message of a failing test.
struct Text<'a>(&'a [u8]);

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0[..self.0.len().min(2_000)]))
    }
}

/// RFC 9112 §7.1.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}
