//! Successful answers: JSON and pages, with the headers each needs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, PRAGMA};
use serde::Serialize;

use crate::render::PAGE_CSP;

/// The media type of every JSON answer.
pub const JSON: &str = "application/json; charset=utf-8";

/// 200 with a JSON body that nobody keeps (RFC 6749 §5.1).
pub fn json(value: &impl Serialize) -> HttpResponse {
    json_with(StatusCode::OK, value)
}

/// Like [`json`], with another status.
pub fn json_with(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(body) => HttpResponse::build(status)
            .content_type(JSON)
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((PRAGMA, "no-cache"))
            .body(body),
        Err(error) => {
            tracing::error!(error = %error, "an answer could not be written as JSON");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Where a form of a page may lead, besides this server (CSP `form-action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTarget<'a> {
    /// Anywhere: the form's answer redirects to an address that only its own check decides.
    Anywhere,
    /// This server, and the origin or scheme of this address.
    SelfAnd(&'a str),
    /// This server alone.
    SelfOnly,
}

/// A page of ours with its policy (`script` is a CSP source of its one script).
pub fn page(status: StatusCode, html: String, target: FormTarget<'_>, script: Option<&str>) -> HttpResponse {
    let mut policy = PAGE_CSP.to_owned();
    match target {
        FormTarget::Anywhere => {}
        FormTarget::SelfAnd(address) => {
            policy.push_str("; form-action 'self'");
            if let Some(source) = csp_source(address) {
                policy.push(' ');
                policy.push_str(&source);
            }
        }
        FormTarget::SelfOnly => policy.push_str("; form-action 'self'"),
    }
    if let Some(source) = script {
        policy.push_str("; script-src ");
        policy.push_str(source);
    }
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html)
}

/// A redirect that nobody keeps.
pub fn redirect(status: StatusCode, to: &str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((LOCATION, to))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .finish()
}

/// The CSP source for an address: its origin, or the scheme of a private-use one (CSP3 §2.3.1).
fn csp_source(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let origin = url.origin();
    Some(if origin.is_tuple() { origin.ascii_serialization() } else { format!("{}:", url.scheme()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(target: FormTarget<'_>) -> String {
        let answer = page(StatusCode::OK, String::new(), target, None);
        let value = answer.headers().get(CONTENT_SECURITY_POLICY).expect("a policy");
        value.to_str().expect("text").strip_prefix(PAGE_CSP).expect("ours first").to_owned()
    }

    #[test]
    fn a_form_leads_only_where_it_should() {
        assert_eq!(policy(FormTarget::Anywhere), "");
        assert_eq!(policy(FormTarget::SelfOnly), "; form-action 'self'");
        for (address, source) in [
            ("https://rp.example/cb?x=1", " https://rp.example"),
            ("http://127.0.0.1:7/cb", " http://127.0.0.1:7"),
            ("com.example.app:/cb", " com.example.app:"),
            ("https://rp.example;script-src *", ""),
        ] {
            assert_eq!(policy(FormTarget::SelfAnd(address)), format!("; form-action 'self'{source}"), "{address}");
        }
    }
}
