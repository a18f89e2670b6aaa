//! Reads single values: durations, sizes, booleans, and `${NAME}`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Reads a duration as Go writes it (`15m`, `1h30m`, `1.5h`, `300ms`), or plain seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if text.is_empty() {
        return None;
    }
    let mut nanos: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at(number_len);
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        nanos = nanos.checked_add(parts(number, unit_nanos(unit)?)?)?;
        rest = after;
    }
    let nanos_left = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(u64::try_from(nanos / 1_000_000_000).ok()?, nanos_left))
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` (digits with at most one point) times `unit`, rounded down; exact, without floating point.
fn parts(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u128>().ok() };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    digits(whole)?.checked_mul(unit)?.checked_add(digits(fraction)?.checked_mul(unit)? / scale)
}

/// Seconds in the largest units that say it exactly (`5400` → `1h30m`, `86400` → `24h`).
pub(super) fn seconds_for_people(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let part = |n: u64, unit: &str| if n == 0 { String::new() } else { format!("{n}{unit}") };
    match part(h, "h") + &part(m, "m") + &part(s, "s") {
        nothing if nothing.is_empty() => "0s".to_owned(),
        text => text,
    }
}

/// Reads a number of bytes: `65536`, `64KiB`, `19MiB`, `1GiB`; `KB` and `KiB` both mean 1024 bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A number of bytes in the largest unit that says it exactly.
pub(super) fn size_for_people(bytes: u64) -> String {
    for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// Reads `true` or `false`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Splits an environment value into a list: a JSON array of words, or words between commas.
pub(super) fn list(text: &str) -> Result<Vec<String>, &'static str> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text)
            .map_err(|_| "must be a JSON array of strings, or values with commas between");
    }
    Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

/// Replaces each `${NAME}` from `environment`; `$${` stands for `${` itself.
///
/// # Errors
/// Says which variable is missing, or how to write what was meant.
pub(super) fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let after = &rest[at + 2..];
        if let Some(kept) = before.strip_suffix('$') {
            expanded.push_str(kept);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        let name = after.split('}').next().filter(|name| after.len() > name.len() && is_name(name));
        let Some(name) = name else {
            return Err("${ must be followed by the name of an environment variable and }; write $${ for the characters themselves".to_owned());
        };
        let Some(value) = environment.get(name) else {
            return Err(format!(
                "the environment variable {name} is not set; set it, or write $${{ for the characters ${{ themselves"
            ));
        };
        expanded.push_str(before);
        expanded.push_str(value);
        rest = &after[name.len() + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_go_or_in_seconds() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("90", 90_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            ("1h0m0s", 3_600_000),
            (".5s", 500),
            ("1m.5s", 60_500),
            ("720h", 2_592_000_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "h", "1", "-1", "1d", "1 h", "1h 2m", "1.2.3s", ".s", "1e3s", "fast", "99999999999999999999h", "-5m"]
        {
            assert_eq!(duration(text).is_some(), text == "1", "{text}");
        }
        assert_eq!((seconds_for_people(5_400), seconds_for_people(0)), ("1h30m".to_owned(), "0s".to_owned()));
    }

    #[test]
    fn sizes_count_in_1024s() {
        for (text, bytes) in
            [("0", 0), ("64KiB", 65_536), ("64 KB", 65_536), ("19MiB", 19_922_944), ("128MB", 134_217_728)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "KiB", "1.5MiB", "-1", "1TB", "99999999999999999999"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!((size_for_people(65_536), size_for_people(1_500)), ("64KiB".to_owned(), "1500".to_owned()));
    }

    #[test]
    fn names_are_expanded_once_and_literals_stay() {
        let environment = BTreeMap::from([("A".to_owned(), "x${B}".to_owned())]);
        let expanded = |text| expand(text, &environment);
        assert_eq!(expanded("<${A}|${A}>"), Ok("<x${B}|x${B}>".to_owned()));
        assert_eq!(expanded("$A $${A} $5"), Ok("$A ${A} $5".to_owned()));
        for bad in ["${B}", "${", "${A", "${}", "${a-b}", "${1}"] {
            assert!(expanded(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_come_as_json_or_with_commas() {
        assert_eq!(list("a, b,,c"), Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(list(r#"["a,b"]"#), Ok(vec!["a,b".to_owned()]));
        assert!(list("[1]").is_err());
        assert_eq!(list(""), Ok(Vec::new()));
    }
}
