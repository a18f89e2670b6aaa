//! The four kinds of traffic: the same requests over and over, each request once, refresh chains,
//! and whole authorization-code journeys (in [`super::authorize`]).
//!
//! Each judges every answer: a status other than 200, or a body without the proof, ends the run.

use crate::http::{Request, basic};
use crate::load::Traffic;
use crate::response::Answer;

/// Refuses an answer with a status other than `status`, or without `proof` in its body.
///
/// # Errors
/// A sentence with what came instead.
pub fn require(answer: &Answer<'_>, status: u16, proof: &str) -> Result<(), String> {
    if answer.status != status {
        let said = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        return Err(format!("expected status {status}, got {}: {said}", answer.status));
    }
    if memchr::memmem::find(answer.body, proof.as_bytes()).is_none() {
        return Err(format!("the answer has status {status}, but no {proof}"));
    }
    Ok(())
}

/// Sends its requests in turn, again and again.
#[derive(Debug)]
pub struct Repeat {
    requests: Vec<Vec<u8>>,
    address: usize,
    proof: &'static str,
    cursor: usize,
    left: u64,
    /// Keeps the access token of every n-th answer; 0 keeps none.
    keep_every: u64,
    answered: u64,
    /// The access tokens kept.
    pub kept: Vec<String>,
}

impl Repeat {
    /// Sends `requests` to the address with this index; each answer must contain `proof`.
    pub fn of(requests: Vec<Vec<u8>>, address: usize, proof: &'static str) -> Self {
        Self { requests, address, proof, cursor: 0, left: u64::MAX, keep_every: 0, answered: 0, kept: Vec::new() }
    }

    /// Ends after `count` requests, keeping about `keep` of the access tokens, evenly spread.
    pub fn at_most(self, count: u64, keep: u64) -> Self {
        Self { left: count, keep_every: count.checked_div(keep).map_or(0, |every| every.max(1)), ..self }
    }
}

impl Traffic for Repeat {
    fn next(&mut self, _lane: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        self.cursor = (self.cursor + 1) % self.requests.len();
        out.extend_from_slice(&self.requests[self.cursor]);
        Some(self.address)
    }

    fn answered(&mut self, _lane: usize, answer: &Answer<'_>) -> Result<(), String> {
        require(answer, 200, self.proof)?;
        self.answered += 1;
        if self.keep_every > 0 && self.answered.is_multiple_of(self.keep_every) {
            self.kept.push(answer.json_text("access_token").ok_or("the answer has no access_token")?.to_owned());
        }
        Ok(())
    }
}

/// Sends each of its requests once.
#[derive(Debug)]
pub struct Spend {
    requests: std::vec::IntoIter<Vec<u8>>,
    address: usize,
    proof: &'static str,
}

impl Spend {
    /// Sends `requests`, each once, to the address with this index; each answer must contain `proof`.
    pub fn of(requests: Vec<Vec<u8>>, address: usize, proof: &'static str) -> Self {
        Self { requests: requests.into_iter(), address, proof }
    }
}

impl Traffic for Spend {
    fn next(&mut self, _lane: usize, out: &mut Vec<u8>) -> Option<usize> {
        out.extend_from_slice(&self.requests.next()?);
        Some(self.address)
    }

    fn answered(&mut self, _lane: usize, answer: &Answer<'_>) -> Result<(), String> {
        require(answer, 200, self.proof)
    }
}

/// Refresh chains: each lane spends the refresh token of its previous answer.
#[derive(Debug)]
pub struct Chain {
    tokens: Vec<String>,
    address: usize,
    headers: String,
}

impl Chain {
    /// One chain a lane, starting with `tokens`, for the client that `client` and `secret` name.
    pub fn of(tokens: Vec<String>, address: usize, client: &str, secret: &str) -> Self {
        Self { tokens, address, headers: basic(client, secret) }
    }
}

impl Traffic for Chain {
    fn next(&mut self, lane: usize, out: &mut Vec<u8>) -> Option<usize> {
        Request {
            method: "POST",
            target: "/oauth2/token",
            headers: &self.headers,
            content_type: "application/x-www-form-urlencoded",
            body: &format!("grant_type=refresh_token&refresh_token={}", self.tokens[lane]),
        }
        .write(out);
        Some(self.address)
    }

    fn answered(&mut self, lane: usize, answer: &Answer<'_>) -> Result<(), String> {
        require(answer, 200, "\"id_token\":\"")?;
        let token = answer.json_text("refresh_token").ok_or("the answer has no refresh_token")?;
        token.clone_into(&mut self.tokens[lane]);
        Ok(())
    }
}
