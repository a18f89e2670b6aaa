//! Whose request it is when proxies stand in between. Only headers of trusted networks are believed; DNS is never asked.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use ipnet::IpNet;

/// The caller's address: the peer itself, or behind trusted proxies the rightmost address that is not one of them.
///
/// `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from right to left. When both came and disagree, or an entry
/// cannot be read, the last address that is known for certain is taken.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let theirs = chain(headers, &X_FORWARDED_FOR, parse_address);
    let standard = chain(headers, &FORWARDED, forwarded_for);
    match (theirs, standard) {
        (None, None) => peer,
        (Some(chain), None) | (None, Some(chain)) => nearest_stranger(peer, &chain, trusted),
        (Some(one), Some(other)) => {
            let (one, other) = (nearest_stranger(peer, &one, trusted), nearest_stranger(peer, &other, trusted));
            if one == other { one } else { peer }
        }
    }
}

/// Whether headers of this peer are believed.
pub fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|network| network.contains(&peer))
}

/// All entries of a list header, in order; an entry that cannot be read is `None`.
fn chain(headers: &HeaderMap, name: &HeaderName, read: impl Fn(&str) -> Option<IpAddr>) -> Option<Vec<Option<IpAddr>>> {
    let mut found = None::<Vec<_>>;
    for value in headers.get_all(name) {
        let entries = found.get_or_insert_with(Vec::new);
        match value.to_str() {
            Ok(text) => entries.extend(text.split(',').map(|entry| read(entry.trim()))),
            Err(_) => entries.push(None),
        }
    }
    found
}

fn nearest_stranger(peer: IpAddr, chain: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut certain = peer;
    for entry in chain.iter().rev() {
        let Some(address) = entry else { return certain };
        certain = *address;
        if !is_trusted(certain, trusted) {
            return certain;
        }
    }
    certain
}

/// An address with or without a port, IPv6 with or without brackets.
fn parse_address(entry: &str) -> Option<IpAddr> {
    let plain = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let ip = plain.parse::<IpAddr>().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|a| a.ip()))?;
    Some(ip.to_canonical())
}

/// RFC 7239 §5.2: the `for` of one element; obfuscated and unknown ones cannot be used.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pair = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"').to_owned())
    };
    parse_address(&element.split(';').find_map(pair)?)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(peer: &str, headers: &[(HeaderName, &'static str)]) -> String {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].iter().map(|n| n.parse().expect("a network")).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        client_address(peer.parse().expect("an address"), &map, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let xff = X_FORWARDED_FOR;
        for (peer, headers, expected) in [
            ("203.0.113.9", vec![(xff.clone(), "198.51.100.1")], "203.0.113.9"),
            ("10.1.1.1", vec![], "10.1.1.1"),
            ("10.1.1.1", vec![(xff.clone(), "198.51.100.1")], "198.51.100.1"),
            ("::ffff:10.1.1.1", vec![(xff.clone(), "198.51.100.1")], "198.51.100.1"),
            // What the caller wrote itself stands further left and is not believed.
            ("10.1.1.1", vec![(xff.clone(), "1.1.1.1, 198.51.100.1, 10.2.2.2")], "198.51.100.1"),
            ("10.1.1.1", vec![(xff.clone(), "1.1.1.1"), (xff.clone(), "198.51.100.1")], "198.51.100.1"),
            ("10.1.1.1", vec![(xff.clone(), "10.3.3.3, 10.2.2.2")], "10.3.3.3"),
            ("10.1.1.1", vec![(xff.clone(), "198.51.100.1, garbage")], "10.1.1.1"),
            ("10.1.1.1", vec![(xff.clone(), "198.51.100.1, garbage, 10.2.2.2")], "10.2.2.2"),
            ("10.1.1.1", vec![(xff.clone(), "")], "10.1.1.1"),
            ("10.1.1.1", vec![(xff.clone(), "198.51.100.1:4711")], "198.51.100.1"),
            ("10.1.1.1", vec![(xff.clone(), "[2001:db8::1]:4711")], "2001:db8::1"),
            ("10.1.1.1", vec![(xff.clone(), "2001:db8::1")], "2001:db8::1"),
        ] {
            assert_eq!(seen(peer, &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_standard_header_counts_too_and_a_contradiction_counts_for_nothing() {
        for (headers, expected) in [
            (vec![(FORWARDED, "for=198.51.100.1;proto=https")], "198.51.100.1"),
            (vec![(FORWARDED, "for=1.1.1.1, For=\"[2001:db8::1]:80\"")], "2001:db8::1"),
            (vec![(FORWARDED, "for=unknown")], "127.0.0.1"),
            (vec![(FORWARDED, "proto=https")], "127.0.0.1"),
            (vec![(FORWARDED, "for=198.51.100.1"), (X_FORWARDED_FOR, "198.51.100.1")], "198.51.100.1"),
            (vec![(FORWARDED, "for=1.1.1.1"), (X_FORWARDED_FOR, "198.51.100.1")], "127.0.0.1"),
        ] {
            assert_eq!(seen("127.0.0.1", &headers), expected, "{headers:?}");
        }
    }
}
