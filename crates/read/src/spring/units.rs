//! Durations and sizes as Spring Boot writes them.

/// Milliseconds of `30000`, `30s`, `500ms`, `PT1M30S` (Spring Boot documentation, "Converting
/// Durations"; a number alone is milliseconds).
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Some(iso) = text.strip_prefix(['P', 'p']) {
        return iso_milliseconds(iso);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "us" => return Some(number / 1000),
        "ns" => return Some(number / 1_000_000),
        _ => return None,
    };
    number.checked_mul(factor)
}

/// What follows the `P` of ISO 8601: days, then hours, minutes and seconds after `T`.
fn iso_milliseconds(iso: &str) -> Option<u64> {
    let (days, time) = iso.split_once(['T', 't']).unwrap_or((iso, ""));
    let mut total = 0.0;
    for (part, units) in
        [(days, &[('D', 86_400.0)][..]), (time, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)][..])]
    {
        let mut rest = part;
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let number: f64 = rest[..end].parse().ok()?;
            let unit = rest[end..].chars().next()?.to_ascii_uppercase();
            total += number * units.iter().find(|(name, _)| *name == unit)?.1;
            rest = &rest[end + 1..];
        }
    }
    let ms = total * 1000.0;
    (0.0..1e15).contains(&ms).then_some(ms as u64)
}

/// Bytes of `1024`, `16KB`, `32MB` (powers of 1024).
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let power = match text[digits..].trim() {
        "" | "B" => 0,
        "KB" => 1,
        "MB" => 2,
        "GB" => 3,
        "TB" => 4,
        _ => return None,
    };
    number.checked_mul(1024u64.pow(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30000", Some(30_000)),
            ("30s", Some(30_000)),
            ("500 ms", Some(500)),
            ("PT1M30S", Some(90_000)),
            ("P1DT0.5S", Some(86_400_500)),
            ("", None),
            ("soon", None),
            ("PTx", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("32MB"), Some(33_554_432));
        assert_eq!(bytes("16384"), Some(16_384));
        assert_eq!(bytes("1 apple"), None);
    }
}
