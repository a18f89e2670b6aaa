//! How many wrong answers are heard, and from whom.
//!
//! Three windows count every login attempt before its password is looked at, so that a burst of parallel guesses is cut
//! off by the counter and not by luck:
//! - **pair**: this account from this address. Stops guessing at one door.
//! - **account**: this account from everywhere, except from addresses where its owner logged in before, so that
//!   strangers who guess cannot lock the owner out of their own place.
//! - **address**: any account from this address. Stops trying one password on everybody.
//!
//! An attempt that succeeds is given back. Accounts are named by a keyed hash of the normalised identifier, whether they
//! exist or not; an IPv6 address stands for its /64, which is what one subscriber is given. Not here: rows and their
//! compare-and-set (`store`).

use std::net::IpAddr;
use std::time::Duration;

use crate::base::Instant;
use crate::crypto::Fingerprints;
use crate::store::{StoreError, Tx, throttles};

/// What each window is called in storage.
const ACCOUNT: &str = "login_account";
const ADDRESS: &str = "login_address";
const KNOWN: &str = "login_known";
const PAIR: &str = "login_pair";

/// One window: at most `limit` attempts until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Attempts that are heard.
    pub limit: u32,
    /// How long it lasts from its first attempt.
    pub window: Duration,
}

/// The rules for logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// One account from everywhere.
    pub account: Rule,
    /// Everything from one address.
    pub address: Rule,
    /// One account from one address.
    pub pair: Rule,
    /// How long an address is remembered where someone logged in.
    pub known_for: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        let window = Duration::from_secs(5 * 60);
        Self {
            account: Rule { limit: 100, window },
            address: Rule { limit: 60, window },
            pair: Rule { limit: 10, window },
            known_for: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}

/// Who is counted, as names that say nothing without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The account.
    pub account: [u8; 32],
    /// The address.
    pub address: [u8; 32],
    /// Both together.
    pub pair: [u8; 32],
}

impl Counted {
    /// Names an attempt on `identifier` (normalised) from `address`.
    pub fn new(names: &Fingerprints, identifier: &str, address: IpAddr) -> Self {
        let network = network(address);
        Self {
            account: names.of(&[b"account", identifier.as_bytes()]),
            address: names.of(&[b"address", &network]),
            pair: names.of(&[b"pair", identifier.as_bytes(), &network]),
        }
    }
}

/// The part of an address that one subscriber cannot change at will: all of IPv4, the /64 of IPv6.
pub fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets()[..8].to_vec(),
    }
}

/// Whole seconds to wait for `until`, at least one, for `Retry-After` (RFC 9110 §10.2.3).
pub fn retry_after(until: Instant, now: Instant) -> u64 {
    let left = until.since(now);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    seconds.max(1)
}

/// Counts an attempt before it is looked at. `Some` is when the next one will be heard: this one is not.
///
/// # Errors
/// As the store.
pub fn reserve(tx: &mut Tx, rules: &Rules, counted: &Counted, now: Instant) -> Result<Option<Instant>, StoreError> {
    // An attempt that one rule turns away is not held against the next one.
    if let Some(until) = take(tx, ADDRESS, &counted.address, rules.address, now)? {
        return Ok(Some(until));
    }
    if let Some(until) = take(tx, PAIR, &counted.pair, rules.pair, now)? {
        return Ok(Some(until));
    }
    if throttles::peek(tx, KNOWN, &counted.pair, now)?.is_some() {
        return Ok(None);
    }
    take(tx, ACCOUNT, &counted.account, rules.account, now)
}

/// Gives back an attempt that succeeded, and remembers its address as one of this person's.
///
/// # Errors
/// As the store.
pub fn succeeded(tx: &mut Tx, rules: &Rules, counted: &Counted, now: Instant) -> Result<(), StoreError> {
    throttles::give_back(tx, ADDRESS, &counted.address, now)?;
    throttles::give_back(tx, PAIR, &counted.pair, now)?;
    if throttles::peek(tx, KNOWN, &counted.pair, now)?.is_none() {
        throttles::give_back(tx, ACCOUNT, &counted.account, now)?;
        throttles::take(tx, KNOWN, &counted.pair, now.plus(rules.known_for), now)?;
    }
    Ok(())
}

fn take(
    tx: &mut Tx,
    what: &'static str,
    whom: &[u8; 32],
    rule: Rule,
    now: Instant,
) -> Result<Option<Instant>, StoreError> {
    let attempts = throttles::take(tx, what, whom, now.plus(rule.window), now)?;
    Ok(attempts.exceed(rule.limit).then_some(attempts.window_ends_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_subscriber_is_one_network() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(network(ip(a)) == network(ip(b)), same, "{a} {b}");
        }
    }

    #[test]
    fn names_depend_on_key_account_and_address() {
        let names = Fingerprints::new(&[Secret::from("s")], "login throttle").expect("a secret");
        let other = Fingerprints::new(&[Secret::from("t")], "login throttle").expect("a secret");
        let one = Counted::new(&names, "alice", ip("192.0.2.1"));
        assert_eq!(one, Counted::new(&names, "alice", ip("192.0.2.1")));
        let elsewhere = Counted::new(&names, "alice", ip("192.0.2.2"));
        assert!(one.account == elsewhere.account && one.address != elsewhere.address && one.pair != elsewhere.pair);
        let bob = Counted::new(&names, "bob", ip("192.0.2.1"));
        assert!(one.account != bob.account && one.address == bob.address && one.pair != bob.pair);
        assert_ne!(one.account, Counted::new(&other, "alice", ip("192.0.2.1")).account);
    }

    #[test]
    fn the_wait_is_rounded_up() {
        let now = Instant::from_unix_seconds(100);
        for (until, wait) in [(99_000_000, 1), (100_000_000, 1), (100_000_001, 1), (101_000_001, 2), (400_000_000, 300)]
        {
            assert_eq!(retry_after(Instant::from_micros(until), now), wait, "{until}");
        }
    }
}
