//! Certificates in PEM (RFC 7468): names and dates of X.509 (RFC 5280). Only the few fields that
//! matter are taken out of the DER; signatures are not checked.

use wonin_model::Certificate;
use wonin_text::{FileId, Place, Span};

use super::LineReader;
use super::found::Found;
use crate::log::time;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Bytes of one certificate as text.
const BYTES_MAX: usize = 64 << 10;
/// Certificates of one file: bundles of authorities have some hundreds.
const CERTIFICATES_MAX: usize = 10_000;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// Whether a text has a certificate.
pub(super) fn accepts(head: &str) -> bool {
    head.contains(BEGIN)
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Pem {
    /// The line that began a certificate, and its text so far.
    open: Option<(Place, String)>,
    unreadable: u64,
}

impl LineReader for Pem {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        let line = text.trim();
        if line == BEGIN {
            let start = text.len() - text.trim_start().len();
            let place = found.kept.keep(number, text, start..start + BEGIN.len());
            self.open = Some((place, String::new()));
        } else if line == END {
            let Some((place, base64)) = self.open.take() else {
                return;
            };
            match decoded(&base64).as_deref().and_then(certificate) {
                Some(certificate) if found.certificates.len() < CERTIFICATES_MAX => {
                    if found.certificates.is_empty() {
                        found.formats.push("certificate");
                    }
                    found.certificates.push(Certificate { place, ..certificate });
                }
                _ => self.unreadable += 1,
            }
        } else if let Some((_, base64)) = &mut self.open
            && base64.len() + line.len() <= BYTES_MAX
        {
            base64.push_str(line);
        }
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        if self.unreadable > 0 {
            found.problems.push(format!("{} certificates could not be read", self.unreadable));
        }
    }
}

/// The bytes that a text in base64 spells.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().take_while(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// One element of DER.
#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements within.
    fn inner(self) -> Elements<'a> {
        Elements(self.content)
    }
}

/// Elements one after the other; ends where something is malformed.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let [tag, first, rest @ ..] = self.0 else {
            return None;
        };
        let (len, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let bytes = usize::from(*first & 0x7f);
            let digits = rest.get(..bytes).filter(|_| (1..=4).contains(&bytes))?;
            let len = digits.iter().fold(0, |len, byte| (len << 8) | usize::from(*byte));
            (len, &rest[bytes..])
        };
        let content = rest.get(..len)?;
        self.0 = &rest[len..];
        Some(Element { tag: *tag, content })
    }
}

/// The fields of a certificate; its place comes later.
fn certificate(der: &[u8]) -> Option<Certificate> {
    let body = Elements(der).next()?.inner().next()?;
    let mut fields = body.inner().peekable();
    // The version is left out in the oldest kind.
    fields.next_if(|field| field.tag == 0xa0);
    let mut fields = fields.skip(2);
    let issuer = name(fields.next()?);
    let mut validity = fields.next()?.inner();
    let not_before_ms = moment(validity.next()?)?;
    let not_after_ms = moment(validity.next()?)?;
    let subject = name(fields.next()?);
    let mut names = Vec::new();
    let mut is_authority = false;
    let extensions = fields.find(|field| field.tag == 0xa3);
    for extension in
        extensions.and_then(|list| list.inner().next()).into_iter().flat_map(Element::inner)
    {
        let mut parts = extension.inner();
        let id = parts.next().map_or(&[][..], |part| part.content);
        let Some(value) = parts.last().and_then(|value| value.inner().next()) else {
            continue;
        };
        match id {
            ALTERNATIVE_NAMES => names.extend(value.inner().filter_map(alternative_name)),
            BASIC_CONSTRAINTS => {
                is_authority = value.inner().next().is_some_and(|flag| flag.content == [0xff]);
            }
            _ => {}
        }
    }
    let place = Place { file: FileId::default(), span: Span::default() };
    Some(Certificate { place, subject, issuer, names, not_before_ms, not_after_ms, is_authority })
}

/// The common name, or without one all parts of a name.
fn name(field: Element<'_>) -> String {
    let parts: Vec<(&[u8], String)> = field
        .inner()
        .flat_map(Element::inner)
        .filter_map(|part| {
            let mut pair = part.inner();
            let id = pair.next()?.content;
            Some((id, String::from_utf8_lossy(pair.next()?.content).into_owned()))
        })
        .collect();
    let common = parts.iter().find(|(id, _)| *id == COMMON_NAME);
    common.map_or_else(
        || parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", "),
        |(_, text)| text.clone(),
    )
}

fn alternative_name(name: Element<'_>) -> Option<String> {
    match (name.tag, name.content) {
        (0x82, dns) => Some(String::from_utf8_lossy(dns).into_owned()),
        (0x87, [a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        (0x87, ip) => {
            let ip: [u8; 16] = ip.try_into().ok()?;
            Some(std::net::Ipv6Addr::from(ip).to_string())
        }
        _ => None,
    }
}

/// `261125030739Z`, from 2050 on `20761112030739Z`.
fn moment(time: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let year_len = if time.tag == 0x17 { 2 } else { 4 };
    (is_digits && text.len() == year_len + 10).then_some(())?;
    let year: i64 = text[..year_len].parse().ok()?;
    let year = match (year_len, year) {
        (2, 0..50) => 2000 + year,
        (2, _) => 1900 + year,
        _ => year,
    };
    let part = |index: usize| text[year_len + 2 * index..][..2].parse::<i64>().ok();
    let days = time::days(year, part(0)?, part(1)?);
    let seconds = part(2)? * 3600 + part(3)? * 60 + part(4)?;
    Some(days * time::DAY_MS + seconds * 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_decoded() {
        assert_eq!(decoded("d29uaW4=").unwrap(), b"wonin");
        assert_eq!(decoded("d29*"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            certificate(&bytes);
        }

        #[test]
        fn lengths_that_lie_are_no_panic(len in any::<u32>(), tag in any::<u8>()) {
            let mut bytes = vec![tag, 0x84];
            bytes.extend(len.to_be_bytes());
            certificate(&bytes);
        }
    }
}
