//! Reads HTTP/1.1 answers out of a growing buffer (RFC 9112 §6).
//!
//! Only what a keep-alive load generator needs: status, headers on demand, a body of known length.
//! What it cannot measure honestly (chunked bodies, connections about to close) it refuses by name.
//! Not here: sockets ([`super::load`]) and what an answer must say ([`super::traffic`]).

use std::fmt;
use std::str;

/// A head larger than this is a fault, not an answer; bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// One whole answer, borrowed from the buffer it was read into.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Header lines, without the status line and the blank line.
    head: &'a [u8],
    /// The body; empty where the status forbids one.
    pub body: &'a [u8],
    /// How many bytes of the buffer the answer takes.
    pub length: usize,
}

/// Why the bytes cannot be measured as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// `Transfer-Encoding` is present: the bench measures bodies of known length only.
    Chunked,
    /// `Connection: close`: the next request would pay for a new connection.
    Closing,
    /// The head never ends.
    EndlessHead,
    /// A 1xx answer, which nothing here asks for.
    Interim,
    /// Two different lengths (RFC 9112 §6.3: unrecoverable).
    LengthsDiffer,
    /// A body is allowed, but nothing says where it ends.
    NoLength,
    /// Not an HTTP/1.1 status line or header.
    NotHttp,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chunked => "the answer is chunked; measured endpoints must send Content-Length",
            Self::Closing => "the answer says Connection: close; measured endpoints must keep the connection",
            Self::EndlessHead => "the head of the answer is longer than 64 KiB",
            Self::Interim => "the answer is a 1xx, which was not asked for",
            Self::LengthsDiffer => "the answer has two Content-Length headers that differ",
            Self::NoLength => "the answer has no Content-Length",
            Self::NotHttp => "the answer is not HTTP/1.1",
        })
    }
}

/// The first answer in `buffer`; `None` while bytes are missing.
///
/// # Errors
/// [`Unreadable`] as soon as the bytes show that they cannot be measured.
pub fn read(buffer: &[u8]) -> Result<Option<Answer<'_>>, Unreadable> {
    const VERSION: &[u8] = b"HTTP/1.1 ";
    let seen = buffer.len().min(VERSION.len());
    if buffer[..seen] != VERSION[..seen] {
        return Err(Unreadable::NotHttp);
    }
    let Some(head_end) = memchr::memmem::find(buffer, b"\r\n\r\n") else {
        return if buffer.len() > LONGEST_HEAD { Err(Unreadable::EndlessHead) } else { Ok(None) };
    };
    let (line, head) = split_line(&buffer[..head_end]);
    let status = status(line.get(VERSION.len()..VERSION.len() + 3).ok_or(Unreadable::NotHttp)?)?;
    let body_start = head_end + 4;
    let body_length = body_length(status, head)?;
    let length = body_start.checked_add(body_length).ok_or(Unreadable::NotHttp)?;
    Ok(buffer.get(body_start..length).map(|body| Answer { status, head, body, length }))
}

impl<'a> Answer<'a> {
    /// Every value of the header `name` (compared without case), in the order received.
    pub fn headers(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        Lines(self.head)
            .filter_map(Result::ok)
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .filter_map(|(_, value)| str::from_utf8(value).ok())
    }

    /// The string value of the first JSON member `name` in the body, where it needs no unescaping.
    pub fn json_text(&self, name: &str) -> Option<&'a str> {
        let key = format!("\"{name}\":\"");
        let start = memchr::memmem::find(self.body, key.as_bytes())? + key.len();
        let end = start + memchr::memchr(b'"', &self.body[start..])?;
        let text = str::from_utf8(&self.body[start..end]).ok()?;
        (!text.contains('\\')).then_some(text)
    }
}

fn status(digits: &[u8]) -> Result<u16, Unreadable> {
    let status: u16 = str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(Unreadable::NotHttp)?;
    match status {
        100..=199 => Err(Unreadable::Interim),
        200..=599 => Ok(status),
        _ => Err(Unreadable::NotHttp),
    }
}

fn body_length(status: u16, head: &[u8]) -> Result<usize, Unreadable> {
    let mut length = None;
    for line in Lines(head) {
        let (key, value) = line?;
        if key.eq_ignore_ascii_case(b"content-length") {
            let said: usize =
                str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(Unreadable::NotHttp)?;
            if length.is_some_and(|earlier| earlier != said) {
                return Err(Unreadable::LengthsDiffer);
            }
            length = Some(said);
        } else if key.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(Unreadable::Chunked);
        } else if key.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
            return Err(Unreadable::Closing);
        }
    }
    // RFC 9112 §6.3: a 204 or 304 ends with its head, whatever the head says.
    if matches!(status, 204 | 304) { Ok(0) } else { length.ok_or(Unreadable::NoLength) }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(bytes, b"\r\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[]),
    }
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = split_line(self.0);
        self.0 = rest;
        let pair = memchr::memchr(b':', line).map(|colon| (&line[..colon], line[colon + 1..].trim_ascii()));
        Some(pair.ok_or(Unreadable::NotHttp))
    }
}
