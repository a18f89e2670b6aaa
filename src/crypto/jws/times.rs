//! `exp`, `nbf` and `iat` by our clock (RFC 7519 §4.1.4-4.1.6). A claim of the wrong JSON type is an error, never absent.

use std::time::Duration;

use serde_json::{Map, Value};

use super::BadToken;
use crate::base::Instant;

/// The last second of the year 9999; later times are mistakes.
const LAST_SECOND: i64 = 253_402_300_799;

/// The time claims of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// `exp`: from this moment on the token is not accepted.
    pub expires_at: Option<Instant>,
    /// `nbf`: before this moment the token is not accepted.
    pub not_before: Option<Instant>,
    /// `iat`: when the token was issued.
    pub issued_at: Option<Instant>,
}

/// Reads the time claims without judging them, for tokens that may be expired (`id_token_hint`) or have no `exp`.
///
/// # Errors
/// [`BadToken::Claim`] when one is present and not a number, or not a time before the year 10000.
pub fn times(claims: &Map<String, Value>) -> Result<Times, BadToken> {
    let read = |name| claims.get(name).map(|value| instant(value).ok_or(BadToken::Claim(name))).transpose();
    Ok(Times { expires_at: read("exp")?, not_before: read("nbf")?, issued_at: read("iat")? })
}

/// Checks the time claims against `now`; `leeway` is allowed in the token's favour on each side. `exp` is required.
///
/// # Errors
/// [`BadToken::Claim`] when `exp` is missing or one of the claims is not a time, [`BadToken::Expired`],
/// [`BadToken::NotYet`] when `nbf` or `iat` lies in the future.
pub fn check_times(claims: &Map<String, Value>, now: Instant, leeway: Duration) -> Result<Times, BadToken> {
    let times = times(claims)?;
    let expires_at = times.expires_at.ok_or(BadToken::Claim("exp"))?;
    // RFC 7519 §4.1.4: on or after exp the token must not be accepted.
    if now >= expires_at.plus(leeway) {
        return Err(BadToken::Expired);
    }
    let latest = now.plus(leeway);
    if times.not_before.is_some_and(|at| at > latest) || times.issued_at.is_some_and(|at| at > latest) {
        return Err(BadToken::NotYet);
    }
    Ok(times)
}

/// RFC 7519 §2, NumericDate: seconds since 1970, perhaps with a fraction.
fn instant(value: &Value) -> Option<Instant> {
    if let Some(seconds) = value.as_i64() {
        return (0..=LAST_SECOND).contains(&seconds).then(|| Instant::from_unix_seconds(seconds));
    }
    let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds))?;
    let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Instant::from_micros(0).plus(since_1970))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Instant = Instant::from_unix_seconds(1_000_000);
    const LEEWAY: Duration = Duration::from_secs(60);

    fn check(claims: &Value) -> Result<(), BadToken> {
        check_times(claims.as_object().expect("an object"), NOW, LEEWAY).map(|_| ())
    }

    #[test]
    fn times_are_judged_to_the_microsecond_with_leeway_on_each_side() {
        for (claims, verdict) in [
            (json!({"exp": 1_000_001}), Ok(())),
            (json!({"exp": 999_941}), Ok(())),
            (json!({"exp": 999_940}), Err(BadToken::Expired)),
            (json!({"exp": 999_940.000_001}), Ok(())),
            (json!({"exp": 0}), Err(BadToken::Expired)),
            (json!({"exp": 1_000_001, "nbf": 1_000_060}), Ok(())),
            (json!({"exp": 1_000_001, "nbf": 1_000_060.5}), Err(BadToken::NotYet)),
            (json!({"exp": 1_000_001, "iat": 1_000_060}), Ok(())),
            (json!({"exp": 1_000_001, "iat": 1_000_061}), Err(BadToken::NotYet)),
            (json!({"exp": 253_402_300_799_i64}), Ok(())),
        ] {
            assert_eq!(check(&claims), verdict, "{claims}");
        }
    }

    #[test]
    fn a_time_of_the_wrong_type_is_not_an_absent_time() {
        assert_eq!(check(&json!({})), Err(BadToken::Claim("exp")));
        for wrong in [
            json!(null),
            json!("9999999999"),
            json!("x"),
            json!(true),
            json!([9_999_999_999_i64]),
            json!({}),
            json!(-1),
            json!(-0.5),
            json!(253_402_300_800_i64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300),
        ] {
            for name in ["exp", "nbf", "iat"] {
                let mut claims = json!({"exp": 2_000_000});
                claims[name] = wrong.clone();
                assert_eq!(check(&claims), Err(BadToken::Claim(name)), "{name}: {wrong}");
            }
        }
    }
}
