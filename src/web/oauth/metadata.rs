//! Discovery (RFC 8414 §3, OIDC Discovery §4) and the key set (RFC 7517 §5): rendered once, until the keys change.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::reply::JSON;
use super::super::state::AppState;
use crate::crypto::Keyring;

/// A key is published long before it signs, so that a copy of this age never lacks one.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The documents in their rendered form.
#[derive(Default)]
pub struct Documents {
    rendered: ArcSwapOption<Rendered>,
}

struct Rendered {
    keyring: Arc<Keyring>,
    metadata: Document,
    jwks: Document,
}

#[derive(Clone)]
struct Document {
    body: Bytes,
    etag: HeaderValue,
}

impl Document {
    fn of(text: String) -> Self {
        let tag = URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..12]);
        let etag = HeaderValue::from_str(&format!("\"{tag}\"")).expect("base64 in quotes is a header value");
        Self { body: Bytes::from(text), etag }
    }
}

impl Documents {
    /// The documents for the keys of this moment.
    fn current(&self, state: &AppState) -> Arc<Rendered> {
        let keyring = state.engine.keyring.load();
        if let Some(rendered) = &*self.rendered.load()
            && Arc::ptr_eq(&rendered.keyring, &keyring)
        {
            return Arc::clone(rendered);
        }
        let fresh = Arc::new(Rendered {
            metadata: Document::of(state.engine.metadata().to_string()),
            jwks: Document::of(keyring.public_set_json().to_owned()),
            keyring: Arc::clone(&keyring),
        });
        self.rendered.store(Some(Arc::clone(&fresh)));
        fresh
    }
}

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub async fn metadata(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    answer(&req, &state.documents.current(&state).metadata)
}

/// `GET /.well-known/jwks.json`.
pub async fn jwks(state: Data<AppState>, req: HttpRequest) -> HttpResponse {
    answer(&req, &state.documents.current(&state).jwks)
}

/// RFC 9110 §13.1.2: 304 for who has this very copy.
fn answer(req: &HttpRequest, document: &Document) -> HttpResponse {
    let has_it = req.headers().get_all(IF_NONE_MATCH).any(|sent| names(sent, &document.etag));
    let mut response = if has_it { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, CACHE))
        .insert_header((ETAG, document.etag.clone()))
        .insert_header((RESOURCE_POLICY, "cross-origin"));
    if has_it { response.finish() } else { response.content_type(JSON).body(document.body.clone()) }
}

fn names(sent: &HeaderValue, etag: &HeaderValue) -> bool {
    let tags = sent.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
    tags.map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag)).any(|tag| tag == b"*" || tag == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn who_has_this_copy_gets_none() {
        let document = Document::of("{}".to_owned());
        let tag = document.etag.to_str().expect("text").to_owned();
        for (sent, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (String::new(), 200),
        ] {
            let req = TestRequest::default().insert_header((IF_NONE_MATCH, sent.as_str())).to_http_request();
            let response = answer(&req, &document);
            assert_eq!(response.status().as_u16(), status, "{sent}");
            assert_eq!(response.headers().get(ETAG), Some(&document.etag));
        }
    }
}
