//! What containers wrote, as the engine kept it.

use std::collections::BTreeMap;

use super::client::{Client, encoded};
use super::view::View;
use super::{PROJECT, SERVICE, find, inspect, list};
use crate::inject::ContainerFault;
use crate::written::Written;

/// Lines of each container, at most: the last ones.
const LINES: usize = 20_000;
/// Containers of one project that are asked.
const CONTAINERS: usize = 30;

/// What the containers that a fault is aimed at wrote since a moment (seconds since 1970), and all
/// others of their Compose project: those that need the one that is hit. By service, else by name.
/// What cannot be asked for is left out.
pub(crate) async fn written(
    client: &Client,
    fault: &ContainerFault,
    since_s: f64,
) -> BTreeMap<String, Written> {
    let mut texts: BTreeMap<String, Written> = BTreeMap::new();
    for view in around(client, fault).await {
        // One more than is wanted tells whether there are more.
        let path = format!(
            "/containers/{}/logs?stdout=1&stderr=1&tail={}&since={since_s:.3}",
            encoded(view.id()),
            LINES + 1
        );
        let mut log = Log::new(view.has_terminal());
        if client.each_part(&path, |bytes| log.take(bytes)).await.is_ok() {
            let name = view.label(SERVICE).unwrap_or(view.name());
            texts.entry(name.to_owned()).or_default().append(&log.end());
        }
    }
    texts
}

/// The containers of a fault, and those beside them.
async fn around(client: &Client, fault: &ContainerFault) -> Vec<View> {
    let mut ids = find(client, &fault.on).await.unwrap_or_default();
    let mut views: Vec<View> = Vec::new();
    let mut index = 0;
    while let Some(id) = ids.get(index).cloned() {
        index += 1;
        let Ok(view) = inspect(client, &id).await else { continue };
        if let Some(project) = view.label(PROJECT)
            && index == 1
        {
            let others = list(client, &[format!("{PROJECT}={project}")]).await;
            ids.extend(others.unwrap_or_default());
        }
        if views.len() < CONTAINERS && views.iter().all(|known| known.id() != view.id()) {
            views.push(view);
        }
    }
    views
}

/// The bytes before a frame: one for the stream, three of nothing, four for the length.
const HEAD_BYTES: usize = 8;

/// A log as the engine gives it, in parts that are cut anywhere: lines in frames, or the plain text
/// of a terminal.
struct Log {
    has_terminal: bool,
    /// What is there of the next frame's head.
    head: Vec<u8>,
    /// What is still to come of a frame.
    left: usize,
    lines: usize,
    text: Written,
}

impl Log {
    fn new(has_terminal: bool) -> Self {
        Self { has_terminal, head: Vec::new(), left: 0, lines: 0, text: Written::default() }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.has_terminal {
            self.lines += bytes.split(|byte| *byte == b'\n').count() - 1;
            self.text.push(bytes);
        } else {
            self.frames(bytes);
        }
    }

    fn frames(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let is_head = self.left == 0;
            let wanted = if is_head { HEAD_BYTES - self.head.len() } else { self.left };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if !is_head {
                self.left -= part.len();
                self.text.push(part);
                continue;
            }
            self.head.extend_from_slice(part);
            if let Some(length) = self.head.last_chunk().filter(|_| self.head.len() == HEAD_BYTES) {
                self.left = u32::from_be_bytes(*length) as usize;
                self.head.clear();
                self.lines += 1;
            }
        }
    }

    fn end(mut self) -> Written {
        if self.lines > LINES {
            self.text.begin_is_missing();
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{UnixListener, UnixStream};

    use super::{LINES, Log, written};
    use crate::container::client::Client;
    use crate::inject::{ContainerAct, ContainerFault, ContainerTarget};
    use crate::written::Written;

    fn text(has_terminal: bool, parts: &[&[u8]]) -> (bool, String) {
        let mut log = Log::new(has_terminal);
        for part in parts {
            log.take(part);
        }
        let text = log.end();
        (text.is_cut(), text.into_text())
    }

    #[test]
    fn frames_are_taken_off_wherever_they_are_cut() {
        let frames = b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x04two\n";
        for at in 0..=frames.len() {
            let (one, other) = frames.split_at(at);
            assert_eq!(text(false, &[one, other]), (false, "one\ntwo\n".to_owned()), "{at}");
        }
        assert_eq!(text(false, &[&frames[..14]]).1, "one\n");
        assert_eq!(text(false, &[&frames[..30]]).1, "one\ntw");
        assert_eq!(text(false, &[]), (false, String::new()));
        assert_eq!(text(true, &[b"one\nt", b"wo\n"]), (false, "one\ntwo\n".to_owned()));
    }

    #[test]
    fn more_lines_than_were_asked_for_were_cut() {
        let frame = b"\x01\0\0\0\0\0\0\x02x\n";
        assert!(!text(false, &vec![&frame[..]; LINES]).0);
        assert!(text(false, &vec![&frame[..]; LINES + 1]).0);
        assert!(!text(true, &vec![&b"x\n"[..]; LINES]).0);
        assert!(text(true, &vec![&b"x\n"[..]; LINES + 1]).0);
    }

    const LINE_BYTES: usize = 1 << 20;

    /// An engine with one container, which wrote so many long lines.
    fn engine(socket: &Path, lines: u8) {
        let listener = UnixListener::bind(socket).expect("a socket");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, lines));
            }
        });
    }

    async fn answer(stream: UnixStream, lines: u8) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut asked = String::new();
        while !asked.ends_with("\r\n\r\n") {
            stream.read_line(&mut asked).await?;
        }
        let content = if asked.starts_with("GET /version ") {
            json!({ "ApiVersion": "1.41" }).to_string().into_bytes()
        } else if asked.contains("/logs?") {
            log(lines)
        } else {
            json!({ "Id": "1", "Name": "/db" }).to_string().into_bytes()
        };
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
        stream.write_all(&content).await?;
        stream.shutdown().await
    }

    fn log(lines: u8) -> Vec<u8> {
        let line = |number: u8| {
            let text = format!("{number:02} {}\n", "x".repeat(LINE_BYTES - 4));
            [&[1, 0, 0, 0], &(LINE_BYTES as u32).to_be_bytes(), text.as_bytes()].concat()
        };
        (0..lines).flat_map(line).collect()
    }

    #[tokio::test]
    async fn of_a_log_of_any_length_the_end_is_kept_and_the_rest_is_missed() {
        let dir = tempfile::tempdir().expect("a place for sockets");
        let on = ContainerTarget::Name("db".to_owned());
        let fault = ContainerFault { on, act: ContainerAct::Pause };
        // More than any other answer may have.
        for (lines, is_cut) in [(3, false), (40, true)] {
            let socket = dir.path().join(lines.to_string());
            engine(&socket, lines);
            let mut texts = written(&Client::at(&socket), &fault, 0.0).await;
            let log = texts.remove("db").expect("it wrote something");
            assert_eq!(log.is_cut(), is_cut, "{lines}");
            let text = log.into_text();
            let kept: Vec<&str> = text.lines().map(|line| &line[..2]).collect();
            let first = usize::from(lines).saturating_sub(Written::KEPT_BYTES / LINE_BYTES);
            let expected = first..usize::from(lines);
            assert_eq!(kept, expected.map(|line| format!("{line:02}")).collect::<Vec<_>>());
        }
    }
}
