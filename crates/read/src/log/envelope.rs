//! What an engine puts around the lines of the programs that it runs.

use super::structured::{json, unescape};

/// How the lines of a file are wrapped; found once for the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    None,
    /// `kafka-1  | text` of Compose and Swarm.
    Compose,
    /// `[pod/shop-5d8f-x2x/shop] text` of `kubectl logs --prefix`.
    Kubectl,
    /// `2024-06-01T12:00:00.123456789Z stdout F text` of Kubernetes nodes.
    Cri,
    /// `{"log":"text\n","stream":"stdout","time":"…"}` of Docker's own files.
    Docker,
}

/// A line out of its envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inner<'a> {
    /// Who wrote it.
    pub(crate) service: Option<&'a str>,
    pub(crate) text: &'a str,
    /// The engine's own time, as written.
    pub(crate) time: Option<&'a str>,
}

const ALL: [Envelope; 4] = [Envelope::Docker, Envelope::Cri, Envelope::Kubectl, Envelope::Compose];

impl Envelope {
    /// The envelope that most of the first lines have.
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
        let mut scratch = String::new();
        let mut fits = |envelope: &Self| {
            let count = lines.iter().filter(|line| envelope.open(line, &mut scratch).is_some());
            !lines.is_empty() && count.count() * 10 >= lines.len() * 7
        };
        ALL.into_iter().find(&mut fits).unwrap_or(Self::None)
    }

    /// Takes the envelope off; `None` where the line has none.
    pub(crate) fn open<'a>(self, line: &'a str, scratch: &'a mut String) -> Option<Inner<'a>> {
        match self {
            Self::None => Some(Inner { service: None, text: line, time: None }),
            Self::Compose => compose(line),
            Self::Kubectl => kubectl(line),
            Self::Cri => cri(line),
            Self::Docker => docker(line, scratch),
        }
    }
}

/// A container's name and a bar. The name is that of the service with a number and perhaps the
/// project's name.
fn compose(line: &str) -> Option<Inner<'_>> {
    let bar = line.as_bytes().iter().take(100).position(|byte| *byte == b'|')?;
    let name = line[..bar].trim_end();
    let is_name = !name.is_empty()
        && name.len() < bar + usize::from(bar == 0)
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'))
        && !name.as_bytes()[0].is_ascii_digit();
    if !is_name {
        return None;
    }
    let rest = &line[bar + 1..];
    Some(Inner { service: Some(name), text: rest.strip_prefix(' ').unwrap_or(rest), time: None })
}

/// `kafka-1`, `shop_kafka_1`, `shop_kafka.1.x7f@host` without what tells instances apart.
pub(crate) fn service_of_container(name: &str) -> &str {
    if let Some((service, rest)) = name.split_once('.')
        && rest.as_bytes().first().is_some_and(u8::is_ascii_digit)
    {
        return service;
    }
    let bare = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
    if bare.len() < name.len() {
        return bare.strip_suffix(['-', '_']).filter(|bare| !bare.is_empty()).unwrap_or(name);
    }
    name
}

fn kubectl(line: &str) -> Option<Inner<'_>> {
    let inner = line.strip_prefix("[pod/")?;
    let (names, text) = inner.split_once("] ").or_else(|| Some((inner.strip_suffix(']')?, "")))?;
    let (pod, container) = names.split_once('/')?;
    let _ = pod;
    Some(Inner { service: Some(container), text, time: None })
}

fn cri(line: &str) -> Option<Inner<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let is_time = time.len() >= 20 && time.as_bytes()[4] == b'-' && time.contains('T');
    let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
    let (tag, text) = rest.split_once(' ').unwrap_or((rest, ""));
    (is_time && (tag.starts_with('F') || tag.starts_with('P'))).then_some(Inner {
        service: None,
        text,
        time: Some(time),
    })
}

fn docker<'a>(line: &'a str, scratch: &'a mut String) -> Option<Inner<'a>> {
    if !line.starts_with("{\"log\":") {
        return None;
    }
    let fields = json(line)?;
    let message = fields.message?;
    fields.stream?;
    let text = if message.is_escaped {
        scratch.clear();
        unescape(message.raw, scratch);
        scratch.as_str()
    } else {
        message.raw
    };
    Some(Inner {
        service: None,
        text: text.trim_end_matches('\n'),
        time: fields.time.map(|t| t.raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_come_off() {
        let mut scratch = String::new();
        for (line, envelope, service, text) in [
            (
                "kafka-1       | [2024] INFO x | y",
                Envelope::Compose,
                Some("kafka-1"),
                "[2024] INFO x | y",
            ),
            ("web.1.x7f@host    | hello", Envelope::Compose, Some("web.1.x7f@host"), "hello"),
            ("[pod/shop-5d8f-x2x/shop] hello", Envelope::Kubectl, Some("shop"), "hello"),
            ("2024-06-01T12:00:00.123456789Z stdout F hello", Envelope::Cri, None, "hello"),
            (
                r#"{"log":"a \"b\"\n","stream":"stdout","time":"t"}"#,
                Envelope::Docker,
                None,
                "a \"b\"",
            ),
        ] {
            assert_eq!(Envelope::of(std::iter::once(line)), envelope, "{line}");
            let inner = envelope.open(line, &mut scratch).unwrap();
            assert_eq!((inner.service, inner.text), (service, text));
        }
        assert_eq!(Envelope::of(std::iter::once("2024-06-01 12:00:00 | INFO | x")), Envelope::None);
    }

    #[test]
    fn containers_are_instances_of_services() {
        for (container, service) in [
            ("kafka-1", "kafka"),
            ("shop_kafka_1", "shop_kafka"),
            ("web.1.x7f@host", "web"),
            ("kafka2", "kafka2"),
            ("db", "db"),
        ] {
            assert_eq!(service_of_container(container), service);
        }
    }
}
