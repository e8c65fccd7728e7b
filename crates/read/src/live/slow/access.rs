//! Access logs in the common log format and its descendants, with the time that a request took.
//!
//! Of bare numbers only those are taken whose unit is certain: seconds with three decimals (nginx'
//! `$request_time`, Tomcat's `%T`), and Envoy's own format. Of a bare integer nobody can tell
//! whether it counts milliseconds or microseconds.

use super::summary::Summary;
use super::{Event, TimeIs, seconds_us, template, time_us, with_unit};
use crate::live::LineReader;
use crate::live::found::Found;

/// Whether most of the first lines hold a quoted request.
pub(super) fn accepts(head: &str) -> bool {
    let lines = head.lines().take(50).filter(|line| !line.is_empty());
    let (all, fit) = lines
        .fold((0, 0), |(all, fit), line| (all + 1, fit + usize::from(Request::of(line).is_some())));
    all > 0 && fit * 2 > all
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Access {
    summary: Summary,
}

impl Access {
    /// A reader for a file of this path. Apache and Tomcat may write the begin of a request, nginx
    /// the end: the times tell.
    pub(super) fn of(_: &str) -> Self {
        Self { summary: Summary::new("access-log", TimeIs::Unknown) }
    }
}

impl LineReader for Access {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        let Some(request) = Request::of(text) else {
            return;
        };
        let Some(duration_us) = request.duration_us() else {
            return;
        };
        self.summary.add(&Event {
            template: template::request(request.line),
            client: request.client,
            at_us: request.at_us,
            duration_us,
            lock_us: None,
            rows: None,
            line: number,
            text,
        });
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        self.summary.finish(found);
    }
}

/// One line of an access log.
struct Request<'a> {
    client: Option<&'a str>,
    at_us: Option<i64>,
    /// `GET /path HTTP/1.1`.
    line: &'a str,
    /// What stands behind the request.
    rest: &'a str,
    is_envoy: bool,
}

impl<'a> Request<'a> {
    /// `10.0.0.7 - - [31/Jan/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 12 …`, or Envoy's, which
    /// begins with the time.
    fn of(line: &'a str) -> Option<Self> {
        const METHODS: &[&str] =
            &["GET ", "POST ", "PUT ", "DELETE ", "HEAD ", "PATCH ", "OPTIONS "];
        let quote = line
            .match_indices('"')
            .map(|(at, _)| at)
            .find(|&at| METHODS.iter().any(|method| line[at + 1..].starts_with(method)))?;
        let request = &line[quote + 1..];
        let end = request.find('"')?;
        let (request, rest) = (&request[..end], &request[end + 1..]);
        request.contains(" HTTP/").then_some(())?;
        let before = line[..quote].trim_end();
        let (front, time) = before.rsplit_once('[')?;
        let at_us = time_us(time).map(|(us, _)| us);
        let is_envoy = front.is_empty();
        let client = front.split_whitespace().next().filter(|_| !is_envoy);
        Some(Self { client, at_us, line: request, rest, is_envoy })
    }

    fn duration_us(&self) -> Option<u64> {
        if self.is_envoy {
            // Code, flags, (details,) bytes received, bytes sent, duration, service time.
            let numbers: Vec<u64> = self
                .rest
                .split('"')
                .next()?
                .split_whitespace()
                .skip(2)
                .filter_map(|word| word.parse().ok())
                .collect();
            return numbers.get(2).map(|ms| ms.saturating_mul(1000));
        }
        self.named().or_else(|| self.bare())
    }

    /// `rt=0.123`, `request_time:0.123`, `duration=12ms`.
    fn named(&self) -> Option<u64> {
        const NAMES: &[&str] = &["request_time", "rt", "reqtime", "duration", "elapsed", "took"];
        self.rest.split([' ', '\t', ',', '"']).find_map(|word| {
            let (name, value) = word.split_once('=').or_else(|| word.split_once(':'))?;
            NAMES.contains(&name).then_some(())?;
            let value = value.trim_matches('"');
            with_unit(value).map(|(us, _)| us).or_else(|| decimal(value))
        })
    }

    /// The first number with three decimals outside quotes, or alone within them: `"0.123"`.
    fn bare(&self) -> Option<u64> {
        self.rest.split(['"', ' ', '\t']).find_map(decimal)
    }
}

/// Seconds with exactly three decimals.
fn decimal(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(decimals) && decimals.len() == 3).then_some(())?;
    seconds_us(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_known_units_are_found() {
        for (line, us) in [
            (
                r#"10.0.0.7 - - [01/Jun/2024:12:00:00 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8.5.0" 0.412"#,
                Some(412_000),
            ),
            (
                r#"10.0.0.7 - - [01/Jun/2024:12:00:00 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl" "-" rt=1.250 uct="0.000" urt="1.249""#,
                Some(1_250_000),
            ),
            (
                r#"10.0.0.7 - - [01/Jun/2024:12:00:00 +0000] "GET /a HTTP/1.1" 200 12 0.003"#,
                Some(3_000),
            ),
            (
                r#"[2024-06-01T12:00:00.123Z] "GET /a HTTP/1.1" 200 - 0 154 226 100 "10.0.35.28" "curl" "-" "-" "10.0.2.1:80""#,
                Some(226_000),
            ),
            (
                r#"[2024-06-01T12:00:00.123Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 154 226 100 "-" "curl""#,
                None,
            ),
            (r#"10.0.0.7 - - [01/Jun/2024:12:00:00 +0000] "GET /a HTTP/1.1" 200 12"#, None),
            (r#"10.0.0.7 - - [01/Jun/2024:12:00:00 +0000] "GET /a HTTP/1.1" 200 12 35"#, None),
        ] {
            assert_eq!(Request::of(line).unwrap().duration_us(), us, "{line}");
        }
        assert!(Request::of("10.0.0.7 said \"hello\"").is_none());
    }
}
