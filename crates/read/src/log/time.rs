//! When was it? Times as logs write them, found without being told the format.

/// A time read from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Unix milliseconds.
    pub(crate) ms: i64,
    /// Bytes of it.
    pub(crate) len: usize,
    /// Whether its zone was written; without one it is taken as UTC.
    pub(crate) has_zone: bool,
    /// What was written of the date.
    pub(crate) date: Date,
}

/// What a time says of its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Date {
    Full,
    /// Month and day; the year is that of the base.
    NoYear,
    /// Nothing; the day is that of the base.
    None,
}

/// From what a time is completed that lacks a part of its date.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Base {
    /// Midnight of the day, in days since 1970.
    pub(crate) day: i64,
    /// The year.
    pub(crate) year: i64,
}

impl Base {
    /// The base that a known time gives.
    pub(crate) fn of(ms: i64) -> Self {
        let day = ms.div_euclid(DAY_MS);
        Self { day, year: year_of(day) }
    }
}

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Days since 1970 of a date of the Gregorian calendar.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Days from a day to the same date of another year.
pub(super) fn days_between_years(from: Base, year: i64) -> i64 {
    let is_after_february = from.day >= days(from.year, 3, 1);
    let month = if is_after_february { 3 } else { 1 };
    days(year, month, 1) - days(from.year, month, 1)
}

fn year_of(day: i64) -> i64 {
    let guess = 1970 + day.div_euclid(366);
    (guess..guess + 64).find(|&year| days(year + 1, 1, 1) > day).unwrap_or(guess)
}

/// A cursor over the bytes of one time.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn ahead(&self, by: usize) -> u8 {
        self.bytes.get(self.at + by).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.take_any(&[byte]).map(|_| ())
    }

    fn take_any(&mut self, any: &[u8]) -> Option<u8> {
        let byte = self.peek();
        any.contains(&byte).then(|| {
            self.at += 1;
            byte
        })
    }

    fn digits_ahead(&self) -> usize {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        rest.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// Exactly `count` digits, or more where more follow.
    fn number(&mut self, count: usize) -> Option<i64> {
        let part = self.bytes.get(self.at..self.at + count)?;
        let mut value = 0;
        for byte in part {
            value = value * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        self.at += count;
        Some(value)
    }

    /// One or two digits between bounds.
    fn short(&mut self, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let count = if self.ahead(1).is_ascii_digit() { 2 } else { 1 };
        self.number(count).filter(|value| bounds.contains(value))
    }

    fn month_name(&mut self) -> Option<i64> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        let (month, _) = (1..).zip(MONTHS).find(|(_, known)| name == *known)?;
        self.at += 3;
        Some(month)
    }
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// Zones by name, with minutes east of Greenwich; names that mean several zones are left out.
const ZONES: &[(&[u8], i64)] = &[
    (b"UTC", 0),
    (b"GMT", 0),
    (b"KST", 540),
    (b"JST", 540),
    (b"CEST", 120),
    (b"CET", 60),
    (b"EEST", 180),
    (b"EET", 120),
    (b"EST", -300),
    (b"EDT", -240),
    (b"PST", -480),
    (b"PDT", -420),
];

/// The time that `bytes` begin with.
pub(crate) fn parse(bytes: &[u8], base: Base) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let first = cursor.peek();
    if first.is_ascii_digit() {
        return from_digits(&mut cursor, base);
    }
    if !first.is_ascii_uppercase() {
        return None;
    }
    if WEEKDAYS.contains(&bytes.get(..3)?) {
        cursor.at = 3;
        cursor.take(b',');
        cursor.take(b' ')?;
        if cursor.peek().is_ascii_digit() {
            return day_month_name(&mut cursor);
        }
    }
    month_name_day(&mut cursor, base)
}

fn from_digits(cursor: &mut Cursor<'_>, base: Base) -> Option<Stamp> {
    match (cursor.digits_ahead(), cursor.bytes) {
        (4, [_, _, _, _, b'-' | b'/' | b'.', ..]) => year_first(cursor),
        (8, [_, _, _, _, _, _, _, _, b' ' | b'-' | b'T', ..]) => {
            let (year, month, day) = (cursor.number(4)?, cursor.number(2)?, cursor.number(2)?);
            cursor.at += 1;
            clock(cursor, date(year, month, day)?, Date::Full)
        }
        (6, [_, _, _, _, _, _, b' ', ..]) => {
            let (year, month, day) = (cursor.number(2)?, cursor.number(2)?, cursor.number(2)?);
            while cursor.peek() == b' ' {
                cursor.at += 1;
            }
            let day = date(2000 + year, month, day)?;
            if cursor.digits_ahead() == 6 {
                let seconds =
                    cursor.number(2)? * 3600 + cursor.number(2)? * 60 + cursor.number(2)?;
                let ms = day * DAY_MS + seconds * 1000;
                let len = cursor.at;
                return Some(Stamp { ms, len, has_zone: false, date: Date::Full });
            }
            clock(cursor, day, Date::Full)
        }
        (10, _) => epoch(cursor, 10),
        (13, _) => epoch(cursor, 13),
        (16, _) => epoch(cursor, 16),
        (19, _) => epoch(cursor, 19),
        (1 | 2, _) => from_two_digits(cursor, base),
        _ => None,
    }
}

fn from_two_digits(cursor: &mut Cursor<'_>, base: Base) -> Option<Stamp> {
    let digits = cursor.digits_ahead();
    let (separator, then) = (cursor.ahead(digits), cursor.ahead(digits + 1));
    match separator {
        b':' => clock(cursor, base.day, Date::None),
        b'/' | b' ' | b'-' if then.is_ascii_alphabetic() => day_month_name(cursor),
        b'/' if digits == 2 && then.is_ascii_digit() => slashed(cursor),
        b'-' if digits == 2 && then.is_ascii_digit() => {
            let month = cursor.number(2)?;
            cursor.at += 1;
            let day = cursor.number(2)?;
            cursor.take(b' ')?;
            clock(cursor, date(base.year, month, day)?, Date::NoYear)
        }
        b'.' if digits == 2 && then.is_ascii_digit() => {
            let first = cursor.number(2)?;
            cursor.at += 1;
            let second = cursor.number(2)?;
            if cursor.take(b'.').is_some() {
                let year = cursor.number(4)?;
                cursor.take_any(b" T")?;
                return clock(cursor, date(year, second, first)?, Date::Full);
            }
            cursor.take(b' ')?;
            clock(cursor, date(base.year, first, second)?, Date::NoYear)
        }
        _ => None,
    }
}

/// `2024-01-31T12:00:00`, `2024/01/31 12:00:00`.
fn year_first(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let year = cursor.number(4)?;
    let separator = cursor.take_any(b"-/.")?;
    let month = cursor.short(1..=12)?;
    cursor.take(separator)?;
    let day = cursor.short(1..=31)?;
    // kdb+ writes `D`.
    cursor.take_any(b"T _-:D")?;
    cursor.take(b' ');
    clock(cursor, date(year, month, day)?, Date::Full)
}

/// `17/06/09 20:10:40` (year first), `06/13/2024 20:10:40` (month first unless it cannot be).
fn slashed(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let first = cursor.number(2)?;
    cursor.take(b'/')?;
    let second = cursor.number(2)?;
    cursor.take(b'/')?;
    let day = if cursor.digits_ahead() == 4 {
        let year = cursor.number(4)?;
        if first > 12 { date(year, second, first)? } else { date(year, first, second)? }
    } else {
        date(2000 + first, second, cursor.number(2)?)?
    };
    cursor.take(b',');
    cursor.take_any(b" T:-")?;
    clock(cursor, day, Date::Full)
}

/// `31/Jan/2024:12:00:00 +0900`, `31 Jan 2024 12:00:00.123`, `31-Jan-2024 12:00:00`.
fn day_month_name(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let day = cursor.short(1..=31)?;
    let separator = cursor.take_any(b"/ -")?;
    let month = cursor.month_name()?;
    cursor.take(separator)?;
    let year = cursor.number(4)?;
    cursor.take(b',');
    cursor.take_any(b": ")?;
    clock(cursor, date(year, month, day)?, Date::Full)
}

/// `Jan  2 12:00:00`, `Jan 2 12:00:00 2024`, `Jan 02, 2024 12:00:00 PM`.
fn month_name_day(cursor: &mut Cursor<'_>, base: Base) -> Option<Stamp> {
    let month = cursor.month_name()?;
    cursor.take(b' ')?;
    cursor.take(b' ');
    let day = cursor.short(1..=31)?;
    if cursor.take(b',').is_some() {
        cursor.take(b' ')?;
        let year = cursor.number(4)?;
        cursor.take(b' ')?;
        return clock(cursor, date(year, month, day)?, Date::Full);
    }
    cursor.take(b' ')?;
    if cursor.digits_ahead() == 4 {
        let year = cursor.number(4)?;
        cursor.take(b' ')?;
        return clock(cursor, date(year, month, day)?, Date::Full);
    }
    let mut stamp = clock(cursor, date(base.year, month, day)?, Date::NoYear)?;
    if cursor.peek() == b' ' && cursor.ahead(1) == b'2' {
        cursor.at += 1;
        if cursor.digits_ahead() == 4
            && let Some(year) = cursor.number(4)
            && let Some(day) = date(year, month, day)
        {
            stamp.ms = day * DAY_MS + stamp.ms.rem_euclid(DAY_MS);
            stamp.len = cursor.at;
            stamp.date = Date::Full;
        }
    }
    Some(stamp)
}

fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_date = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    (is_date && (1..=31).contains(&day)).then(|| days(year, month, day))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, between 2001 and 2100.
fn epoch(cursor: &mut Cursor<'_>, digits: usize) -> Option<Stamp> {
    let value = cursor.number(digits)?;
    let mut ms = match digits {
        10 => value * 1000,
        13 => value,
        16 => value / 1000,
        _ => value / 1_000_000,
    };
    if digits == 10 && cursor.peek() == b'.' && cursor.ahead(1).is_ascii_digit() {
        cursor.at += 1;
        ms += fraction_ms(cursor);
    }
    let is_word = cursor.peek().is_ascii_alphanumeric();
    let is_sane = !is_word && (1_000_000_000_000..4_102_444_800_000).contains(&ms);
    is_sane.then_some(Stamp { ms, len: cursor.at, has_zone: true, date: Date::Full })
}

fn fraction_ms(cursor: &mut Cursor<'_>) -> i64 {
    let mut ms = 0;
    let mut unit = 100;
    while cursor.peek().is_ascii_digit() {
        ms += i64::from(cursor.peek() - b'0') * unit;
        unit /= 10;
        cursor.at += 1;
    }
    ms
}

/// The time of day and what follows of it: fraction, noon, zone.
fn clock(cursor: &mut Cursor<'_>, day: i64, date: Date) -> Option<Stamp> {
    let mut hour = cursor.short(0..=23)?;
    let separator = cursor.take_any(b":.")?;
    let minute = cursor.number(2).filter(|minute| *minute < 60)?;
    cursor.take(separator)?;
    let second = cursor.number(2).filter(|second| *second <= 60)?;
    let mut ms = 0;
    let follows = cursor.peek();
    let is_fraction = cursor.ahead(1).is_ascii_digit()
        && (matches!(follows, b'.' | b',') || (follows == b':' && is_three_digits(cursor)));
    if is_fraction {
        cursor.at += 1;
        ms = fraction_ms(cursor);
    }
    let half = cursor.bytes.get(cursor.at..cursor.at + 3).unwrap_or_default();
    if half == b" PM" || half == b" AM" {
        hour = hour % 12 + if half == b" PM" { 12 } else { 0 };
        cursor.at += 3;
    }
    let zone = zone_minutes(cursor);
    let seconds = hour * 3600 + minute * 60 + second - zone.unwrap_or(0) * 60;
    let ms = day * DAY_MS + seconds * 1000 + ms;
    Some(Stamp { ms, len: cursor.at, has_zone: zone.is_some(), date })
}

fn is_three_digits(cursor: &Cursor<'_>) -> bool {
    (1..=3).all(|by| cursor.ahead(by).is_ascii_digit()) && !cursor.ahead(4).is_ascii_digit()
}

/// Minutes east of Greenwich, where they are written; the cursor moves past them.
fn zone_minutes(cursor: &mut Cursor<'_>) -> Option<i64> {
    if cursor.peek() == b'Z' && !cursor.ahead(1).is_ascii_alphanumeric() {
        cursor.at += 1;
        return Some(0);
    }
    let start = cursor.at;
    cursor.take(b' ');
    if let Some(sign) = cursor.take_any(b"+-") {
        let digits = cursor.digits_ahead();
        let minutes = match digits {
            4 => Some(cursor.number(2)? * 60 + cursor.number(2)?),
            2 => {
                let hours = cursor.number(2)? * 60;
                let has_minutes = cursor.peek() == b':' && cursor.ahead(1).is_ascii_digit();
                if has_minutes {
                    cursor.at += 1;
                    cursor.number(2).map(|minutes| hours + minutes)
                } else {
                    Some(hours)
                }
            }
            _ => None,
        };
        // A `-` with a number behind it is a zone only where nothing else goes on.
        let ends = !cursor.peek().is_ascii_alphanumeric();
        if let Some(minutes) = minutes.filter(|minutes| ends && *minutes <= 14 * 60) {
            return Some(if sign == b'-' { -minutes } else { minutes });
        }
    } else {
        for (name, minutes) in ZONES {
            let rest = &cursor.bytes[cursor.at.min(cursor.bytes.len())..];
            let follows = rest.get(name.len()).copied().unwrap_or(b' ');
            if rest.starts_with(name) && !follows.is_ascii_alphanumeric() {
                cursor.at += name.len();
                return Some(*minutes);
            }
        }
    }
    cursor.at = start;
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_717_243_200_000;

    fn ms(text: &str) -> Option<(i64, usize, bool)> {
        let base = Base { day: days(2024, 6, 1), year: 2024 };
        parse(text.as_bytes(), base).map(|stamp| (stamp.ms, stamp.len, stamp.has_zone))
    }

    #[test]
    fn every_way_to_write_noon() {
        for (text, fraction, has_zone) in [
            ("2024-06-01T12:00:00.123Z", 123, true),
            ("2024-06-01T21:00:00.123+09:00", 123, true),
            ("2024-06-01 21:00:00,123 KST", 123, true),
            ("2024-06-01T08:00:00-0400", 0, true),
            ("2024-06-01 12:00:00.123456", 123, false),
            ("2024-06-01 12:00:00", 0, false),
            ("2024/06/01 12:00:00", 0, false),
            ("01/Jun/2024:12:00:00 +0000", 0, true),
            ("01-Jun-2024 12:00:00.123", 123, false),
            ("01 Jun 2024 12:00:00.123", 123, false),
            ("Jun  1 12:00:00", 0, false),
            ("Sat Jun 01 12:00:00.123456 2024", 123, false),
            ("Sat, 01 Jun 2024 12:00:00 GMT", 0, true),
            ("Jun 01, 2024 12:00:00 PM", 0, false),
            ("240601 12:00:00", 0, false),
            ("240601 120000", 0, false),
            ("24/06/01 12:00:00", 0, false),
            ("06/01/2024 12:00:00", 0, false),
            ("01.06.2024 12:00:00", 0, false),
            ("20240601-12:00:00:123", 123, false),
            ("06-01 12:00:00.123", 123, false),
            ("06.01 12:00:00", 0, false),
            ("2024-06-01-12.00.00.123456", 123, false),
            ("12:00:00.123", 123, false),
            ("1717243200", 0, true),
            ("1717243200.123", 123, true),
            ("1717243200123", 123, true),
            ("1717243200123456789", 123, true),
        ] {
            let expected = Some((NOON + fraction, text.len(), has_zone));
            assert_eq!(ms(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "2024-06-01", "12", "1234567", "May be", "172.24.0.9:8099", "7/8 x"] {
            assert_eq!(ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_dash_after_the_time_is_no_zone() {
        assert_eq!(ms("2024-06-01 12:00:00,123 - INFO"), Some((NOON + 123, 23, false)));
        assert_eq!(ms("2024-06-01 12:00:00 -12345"), Some((NOON, 19, false)));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,60}") {
            parse(text.as_bytes(), Base::default());
        }

        #[test]
        fn iso_times_are_exact(day in 0i64..40_000, second in 0i64..86_400) {
            let year = year_of(day);
            let month = (1..=12).rev().find(|&m| days(year, m, 1) <= day).unwrap();
            let of_month = day - days(year, month, 1) + 1;
            let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
            let text = format!("{year}-{month:02}-{of_month:02}T{h:02}:{m:02}:{s:02}Z");
            let stamp = parse(text.as_bytes(), Base::default()).unwrap();
            prop_assert_eq!(stamp.ms, day * DAY_MS + second * 1000);
        }
    }
}
