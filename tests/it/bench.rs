//! The bench's reader of HTTP answers (RFC 9112): a wrong reading would be a wrong measurement.
//!
//! The bench has no test harness of its own, so its reader is compiled in here and tried on bytes.

#[path = "../../benches/server/response.rs"]
mod response;

use response::{Unreadable, read};

const TOKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 34\r\ncontent-type: application/json\r\n\r\n\
                       {\"access_token\":\"at_1\",\"scope\":\"\"}";

#[test]
fn a_whole_answer_is_read_and_measured() {
    let answer = read(TOKEN).unwrap().unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.length), (200, 34, TOKEN.len()));
    assert_eq!(answer.headers("content-type").collect::<Vec<_>>(), ["application/json"]);
    assert_eq!(answer.json_text("access_token"), Some("at_1"));
    assert_eq!(answer.json_text("scope"), Some(""));
    assert_eq!(answer.json_text("refresh_token"), None);
}

#[test]
fn a_split_read_waits_for_the_rest_at_every_byte() {
    for length in 0..TOKEN.len() {
        assert_eq!(read(&TOKEN[..length]), Ok(None), "after {length} bytes");
    }
}

#[test]
fn the_next_answer_on_a_kept_connection_is_left_alone() {
    let two = [TOKEN, TOKEN].concat();
    let first = read(&two).unwrap().unwrap();
    assert_eq!(first.length, TOKEN.len());
    assert_eq!(read(&two[first.length..]).unwrap().unwrap().body, first.body);
}

#[test]
fn statuses_without_a_body_end_with_the_head() {
    for (bytes, status) in [
        (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], 204),
        (b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n", 304),
        (b"HTTP/1.1 302 Found\r\nlocation: https://a.example/\r\ncontent-length: 0\r\n\r\n", 302),
    ] {
        let answer = read(bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.body, answer.length), (status, &b""[..], bytes.len()));
    }
}

#[test]
fn repeated_headers_come_in_order_whatever_their_case() {
    let bytes = b"HTTP/1.1 303 See Other\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n";
    let answer = read(bytes).unwrap().unwrap();
    assert_eq!(answer.headers("set-cookie").collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
}

#[test]
fn a_text_that_needs_unescaping_is_not_taken_raw() {
    let answer = read(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"a\":\"\\u00\"}").unwrap().unwrap();
    assert_eq!(answer.json_text("a"), None);
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'a'; 70_000]].concat();
    for (bytes, why) in [
        (&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], Unreadable::Chunked),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", Unreadable::Closing),
        (&endless, Unreadable::EndlessHead),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Unreadable::Interim),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", Unreadable::LengthsDiffer),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n", Unreadable::NoLength),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", Unreadable::NotHttp),
        (b"SSH-2.0", Unreadable::NotHttp),
        (b"HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n", Unreadable::NotHttp),
        (b"HTTP/1.1 700 What\r\ncontent-length: 0\r\n\r\n", Unreadable::NotHttp),
        (b"HTTP/1.1 20\r\n\r\n", Unreadable::NotHttp),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Unreadable::NotHttp),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Unreadable::NotHttp),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n", Unreadable::NotHttp),
    ] {
        assert_eq!(read(bytes), Err(why), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
        assert!(why.to_string().starts_with("the "));
    }
}
