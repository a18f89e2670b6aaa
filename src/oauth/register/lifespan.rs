//! Durations as clients write and read them: Go's form (`1h30m`, `500ms`), answered as `1h0m0s`.

use std::time::Duration;

/// Reads a duration above zero.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0f64;
    if rest.is_empty() || rest.len() > 40 {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (value, unit) = rest.split_at(number);
        let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = unit.split_at(letters);
        let scale = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += value.parse::<f64>().ok()? * scale;
        rest = after;
    }
    // Ten years: longer is a slip of the pen.
    (seconds > 0.0 && seconds <= 315_360_000.0).then(|| Duration::from_secs_f64(seconds))
}

/// Writes a duration in whole seconds.
pub fn format(duration: Duration) -> String {
    let s = duration.as_secs();
    match (s / 3_600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_in_full() {
        for (text, written) in [
            ("1h", "1h0m0s"),
            ("90m", "1h30m0s"),
            ("1h30m", "1h30m0s"),
            ("15s", "15s"),
            ("1.5m", "1m30s"),
            ("720h", "720h0m0s"),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), Some(written), "{text}");
        }
        for bad in ["", "0s", "-1h", "soon", "1", "1x", "h", "1e9h", "99999999h", "1h1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
