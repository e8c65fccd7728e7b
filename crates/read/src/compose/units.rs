//! Durations, byte sizes and shares of a CPU as Compose writes them.

use wonin_model::Located;

/// A duration in milliseconds: `1m30s`, `1.5s`, `500ms`, `2h`, `10us` (Compose specification,
/// "Specifying durations"). A number without unit is not one, except 0.
pub(crate) fn duration_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let mut total_us = 0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = number_length(rest);
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let factor = match &rest[..unit] {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "m" => 60e6,
            "h" => 3_600e6,
            "d" => 86_400e6,
            "w" => 604_800e6,
            _ => return None,
        };
        total_us += value * factor;
        rest = &rest[unit..];
    }
    whole(total_us / 1e3).filter(|_| !text.is_empty())
}

/// A size in bytes: `512m`, `1gb`, `1.5g`, `64k`, `100b`, plain numbers (Compose specification,
/// "Specifying byte values"); units are powers of 1024.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = number_length(text);
    let value: f64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start().to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    whole(value * 1024_f64.powi(power))
}

/// Thousandths of a CPU: `0.5` is 500.
pub(crate) fn millicpus(text: &str) -> Option<u64> {
    whole((text.trim().parse::<f64>().ok()? * 1e3).round())
}

/// A limit that counts: set, understood and above zero (0 and -1 mean no limit).
pub(crate) fn limit(
    text: Option<&Located<String>>,
    read: impl Fn(&str) -> Option<u64>,
) -> Option<Located<u64>> {
    text?.and_then(|text| read(text)).filter(|limit| limit.value > 0)
}

fn number_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count()
}

/// The whole part of a number that is one and fits.
fn whole(value: f64) -> Option<u64> {
    let fits = value.is_finite() && (0.0..1.8e19).contains(&value);
    fits.then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_their_parts() {
        for (text, expected) in [
            ("1m30s", Some(90_000)),
            ("1.5s", Some(1_500)),
            ("500ms", Some(500)),
            ("2h", Some(7_200_000)),
            ("1500us", Some(1)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("30", None),
            ("", None),
            ("s", None),
            ("5 s", None),
            ("1x", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, expected) in [
            ("512m", Some(512 << 20)),
            ("1gb", Some(1 << 30)),
            ("1GiB", Some(1 << 30)),
            ("1.5G", Some(3 << 29)),
            ("64k", Some(64 << 10)),
            ("100b", Some(100)),
            ("1048576", Some(1 << 20)),
            ("2 g", Some(2 << 30)),
            ("m", None),
            ("-1", None),
            ("5q", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn cpus_count_in_thousandths() {
        assert_eq!(millicpus("0.25"), Some(250));
        assert_eq!(millicpus("2"), Some(2_000));
        assert_eq!(millicpus("NaN"), None);
        assert_eq!(millicpus("two"), None);
    }
}
