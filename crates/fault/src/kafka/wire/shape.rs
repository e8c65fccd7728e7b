//! The shapes of messages, to look at bytes before they are decoded.
//!
//! A decoder makes room for as many elements as a list claims to have, before it reads one. A frame
//! of a few bytes that claims billions would end the process. So every body is walked first: lists
//! must have the bytes that their elements need, and lengths must be true.
//!
//! `requests.txt` and `responses.txt` list the fields of Kafka's message definitions (4.1.0,
//! `clients/src/main/resources/common/message`) in their order: what they are (`text`, `bytes`, or so
//! many bytes), in which versions, and whether they are tagged.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Buf as _;
use kafka_protocol::messages::ApiKey;

use crate::kafka::frame::varint;
use crate::kafka::words::Api;

/// Elements of all lists of a message. Each costs memory beyond its bytes.
const ELEMENTS: usize = 1 << 22;

/// A request or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// What a field is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    /// So many bytes.
    Fixed(usize),
    Text,
    Bytes,
    Struct {
        is_nullable: bool,
        fields: Vec<Field>,
    },
    List(Box<Type>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    kind: Type,
    tag: Option<u32>,
    since: i16,
    until: i16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    /// Lengths are short and tagged fields possible from this version on.
    flexible_since: i16,
    fields: Vec<Field>,
}

type Shapes = BTreeMap<i16, Shape>;

static REQUESTS: LazyLock<Shapes> = LazyLock::new(|| parse(include_str!("requests.txt")));
static RESPONSES: LazyLock<Shapes> = LazyLock::new(|| parse(include_str!("responses.txt")));

/// Whether the body can be decoded without danger; in words why not.
pub(super) fn check(kind: Kind, key: ApiKey, version: i16, body: &[u8]) -> Result<(), String> {
    let shapes = match kind {
        Kind::Request => &*REQUESTS,
        Kind::Response => &*RESPONSES,
    };
    let shape = shapes.get(&(key as i16)).ok_or_else(|| "its shape is not known".to_owned())?;
    let is_flexible = version >= shape.flexible_since;
    let mut walk = Walk { rest: body, version, is_flexible, elements: 0 };
    walk.fields(&shape.fields).ok_or_else(|| "it is cut off, or a length is wrong".to_owned())
}

/// A walk through a body. None where it cannot go on.
struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    is_flexible: bool,
    elements: usize,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Option<()> {
        let version = self.version;
        let here = |field: &&Field| field.since <= version && version <= field.until;
        for field in fields.iter().filter(|field| field.tag.is_none()).filter(here) {
            self.value(&field.kind)?;
        }
        if !self.is_flexible {
            return Some(());
        }
        for _ in 0..varint(&mut self.rest)? {
            let tag = varint(&mut self.rest)?;
            let length = usize::try_from(varint(&mut self.rest)?).ok()?;
            let inside = self.rest.get(..length)?;
            if let Some(field) = fields.iter().filter(here).find(|field| field.tag == Some(tag)) {
                let after = self.rest;
                self.rest = inside;
                self.value(&field.kind)?;
                if !self.rest.is_empty() {
                    return None;
                }
                self.rest = after;
            }
            self.rest.advance(length);
        }
        Some(())
    }

    fn value(&mut self, kind: &Type) -> Option<()> {
        match kind {
            Type::Fixed(length) => self.skip(*length),
            Type::Text => {
                let length = self.length(|rest| rest.try_get_i16().ok().map(i32::from))?;
                self.skip(length)
            }
            Type::Bytes => {
                let length = self.length(|rest| rest.try_get_i32().ok())?;
                self.skip(length)
            }
            Type::Struct { is_nullable, fields } => {
                if *is_nullable && self.rest.try_get_i8().ok()? < 0 {
                    return Some(());
                }
                self.fields(fields)
            }
            Type::List(element) => {
                let count = self.length(|rest| rest.try_get_i32().ok())?;
                self.elements += count;
                if self.elements > ELEMENTS || count > self.rest.len() {
                    return None;
                }
                (0..count).try_for_each(|_| self.value(element))
            }
        }
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        (length <= self.rest.len()).then(|| self.rest.advance(length))
    }

    /// A length in the layout of the version; 0 for null, of which nothing follows either.
    fn length(&mut self, old: impl FnOnce(&mut &[u8]) -> Option<i32>) -> Option<usize> {
        if self.is_flexible {
            return Some(usize::try_from(varint(&mut self.rest)?).ok()?.saturating_sub(1));
        }
        match old(&mut self.rest)? {
            -1 => Some(0),
            length => usize::try_from(length).ok(),
        }
    }
}

/// Reads a list of shapes. Lines that make no sense are left out, and a test sees to it that there
/// are none.
fn parse(text: &str) -> Shapes {
    let mut shapes = Shapes::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, since)) = line.split_once(" flexible ") else { continue };
        let flexible_since = since.parse().unwrap_or(i16::MAX);
        let fields = fields(&mut lines, 2);
        if let Some(Api(key)) = Api::named(name) {
            shapes.insert(key as i16, Shape { flexible_since, fields });
        }
    }
    shapes
}

/// The fields with so many blanks in front, and those below them.
fn fields<'a>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    indent: usize,
) -> Vec<Field> {
    let mut fields_here = Vec::new();
    while let Some(line) = lines.peek() {
        let depth = line.len() - line.trim_start().len();
        if depth < indent {
            break;
        }
        let line = line.trim_start();
        lines.next();
        let inner = fields(lines, depth + 1);
        fields_here.extend(field(line, inner));
    }
    fields_here
}

/// `Name: list of text tag 0 3-12`.
fn field(line: &str, inner: Vec<Field>) -> Option<Field> {
    let (_, what) = line.split_once(": ")?;
    let (is_list, what) = match what.strip_prefix("list of ") {
        Some(what) => (true, what),
        None => (false, what),
    };
    let mut words = what.split(' ').peekable();
    let kind = match words.next()? {
        "text" => Type::Text,
        "bytes" => Type::Bytes,
        "struct" => {
            let is_nullable = words.next_if_eq(&"nullable").is_some();
            Type::Struct { is_nullable, fields: inner }
        }
        length => Type::Fixed(length.parse().ok()?),
    };
    let kind = if is_list { Type::List(Box::new(kind)) } else { kind };
    let tag = match words.next_if_eq(&"tag") {
        Some(_) => Some(words.next()?.parse().ok()?),
        None => None,
    };
    let (since, until) = match words.next() {
        None => (0, i16::MAX),
        Some(versions) => match versions.split_once('-') {
            None => (versions.parse().ok()?, versions.parse().ok()?),
            Some((since, "")) => (since.parse().ok()?, i16::MAX),
            Some((since, until)) => (since.parse().ok()?, until.parse().ok()?),
        },
    };
    Some(Field { kind, tag, since, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(fields: &[Field]) -> usize {
        let inner = |kind: &Type| match kind {
            Type::Struct { fields, .. } => count(fields),
            Type::List(element) => match &**element {
                Type::Struct { fields, .. } => count(fields),
                _ => 0,
            },
            _ => 0,
        };
        fields.iter().map(|field| 1 + inner(&field.kind)).sum()
    }

    #[test]
    fn every_line_is_understood() {
        for text in [include_str!("requests.txt"), include_str!("responses.txt")] {
            let messages = text.lines().filter(|line| !line.starts_with(' ')).count();
            let shapes = parse(text);
            assert_eq!(shapes.len(), messages);
            let understood: usize = shapes.values().map(|shape| count(&shape.fields)).sum();
            assert_eq!(understood, text.lines().count() - messages);
        }
    }

    #[test]
    fn a_list_that_claims_more_than_there_is_is_refused() {
        // Metadata v1 asks for 2^31 - 1 topics.
        let body = [0x7f, 0xff, 0xff, 0xff, 0, 1, b't'];
        assert!(check(Kind::Request, ApiKey::Metadata, 1, &body).is_err());
        assert!(check(Kind::Request, ApiKey::Metadata, 1, &[0, 0, 0, 1, 0, 1, b't']).is_ok());
        assert!(check(Kind::Request, ApiKey::Metadata, 1, &[0xff; 4]).is_ok());
        // Fetch v16 with a tagged list of 2^28 nodes.
        let body = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 5, 0xff, 0xff, 0xff, 0x7f, 0];
        assert!(check(Kind::Response, ApiKey::Fetch, 16, &body).is_err());
        assert!(check(Kind::Response, ApiKey::Envelope, 0, &[]).is_err());
    }
}
