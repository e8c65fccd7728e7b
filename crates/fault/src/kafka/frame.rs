//! Frames: a length of four bytes, then so many bytes. They are kept as they came, length and all,
//! so that what is not changed goes on byte for byte.

use std::io::{self, ErrorKind};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::limits;

/// Bytes of the length in front.
pub(crate) const PREFIX: usize = 4;

/// Cuts what it reads into frames. Every call may be given up and repeated.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    source: R,
    buffer: BytesMut,
}

/// The end of a stream of frames.
#[derive(Debug)]
pub(crate) enum NoFrame {
    /// Between two frames, as it should be.
    End,
    /// Inside a frame.
    CutOff,
    /// A length that cannot be one; says what it looks like.
    BadLength(String),
    /// The socket failed.
    Failed(io::Error),
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new() }
    }

    /// The next frame, with its length in front.
    pub(crate) async fn next(&mut self) -> Result<Bytes, NoFrame> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            self.make_room();
            match self.source.read_buf(&mut self.buffer).await {
                Ok(0) if self.buffer.is_empty() => return Err(NoFrame::End),
                Ok(0) => return Err(NoFrame::CutOff),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(NoFrame::Failed(error)),
            }
        }
    }

    /// Reads and forgets, until the source ends.
    pub(crate) async fn swallow(&mut self) -> NoFrame {
        loop {
            self.buffer.clear();
            self.buffer.reserve(limits::READ_BYTES);
            match self.source.read_buf(&mut self.buffer).await {
                Ok(0) => return NoFrame::End,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return NoFrame::Failed(error),
            }
        }
    }

    fn length(&self) -> Option<i32> {
        self.buffer.get(..PREFIX).map(|mut prefix| prefix.get_i32())
    }

    fn take(&mut self) -> Result<Option<Bytes>, NoFrame> {
        let Some(length) = self.length() else {
            return Ok(None);
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= limits::FRAME_BYTES);
        let Some(length) = length else {
            return Err(NoFrame::BadLength(bad_length(&self.buffer)));
        };
        let whole = PREFIX + length;
        Ok((self.buffer.len() >= whole).then(|| self.buffer.split_to(whole).freeze()))
    }

    /// Memory follows what really arrived, not what a length claims.
    fn make_room(&mut self) {
        let missing = match self.length() {
            Some(length) => usize::try_from(length).unwrap_or(0) + PREFIX - self.buffer.len(),
            None => 0,
        };
        let trusted = limits::READ_BYTES.max(self.buffer.len() * 3);
        self.buffer.reserve(missing.clamp(limits::READ_BYTES, trusted));
    }
}

/// What four bytes that are no length of a frame look like.
fn bad_length(start: &[u8]) -> String {
    let four = &start[..PREFIX];
    let length = i32::from_be_bytes([four[0], four[1], four[2], four[3]]);
    let max = limits::FRAME_BYTES;
    let looks = match four {
        [0x16, 3, ..] => ": it looks like TLS, which must end before the proxy",
        [0x15, 3, ..] => ": it looks like a TLS alert, the broker's listener wants TLS",
        _ if four.iter().all(u8::is_ascii_graphic) || four == b"GET " || four == b"PUT " => {
            ": it looks like text, not like Kafka's protocol"
        }
        _ => "",
    };
    format!("a frame of {length} bytes, allowed are 0 to {max}{looks}")
}

/// The start of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) api: i16,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) client_id: Option<String>,
    /// Where the body starts in the frame.
    pub(crate) body: usize,
}

impl RequestHead {
    /// None if the frame does not start like a request.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let mut rest = frame.get(PREFIX..)?;
        let api = rest.try_get_i16().ok()?;
        let version = rest.try_get_i16().ok()?;
        let correlation = rest.try_get_i32().ok()?;
        let mut head = Self { api, version, correlation, client_id: None, body: 0 };
        let layout = match head.key() {
            Some(key) => key.request_header_version(version),
            None => 1,
        };
        if layout >= 1 {
            let length = rest.try_get_i16().ok()?;
            if length >= 0 {
                let length = usize::try_from(length).ok()?;
                let text = rest.get(..length)?;
                head.client_id = Some(String::from_utf8_lossy(text).into_owned());
                rest.advance(length);
            }
        }
        if layout >= 2 {
            skip_tags(&mut rest)?;
        }
        head.body = frame.len() - rest.len();
        Some(head)
    }

    /// The API, if it is one that this program knows.
    pub(crate) fn key(&self) -> Option<ApiKey> {
        ApiKey::try_from(self.api).ok()
    }

    /// The API, if it is known in this version.
    pub(crate) fn known(&self) -> Option<ApiKey> {
        self.key().filter(|key| {
            let range = key.valid_versions();
            (range.min..=range.max).contains(&self.version)
        })
    }
}

/// The start of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    pub(crate) correlation: i32,
    /// Where the body starts in the frame.
    pub(crate) body: usize,
}

impl ResponseHead {
    /// The correlation id alone.
    pub(crate) fn correlation(frame: &[u8]) -> Option<i32> {
        frame.get(PREFIX..)?.try_get_i32().ok()
    }

    /// The answer to a request of this API and version.
    pub(crate) fn parse(frame: &[u8], key: ApiKey, version: i16) -> Option<Self> {
        let mut rest = frame.get(PREFIX..)?;
        let correlation = rest.try_get_i32().ok()?;
        if key.response_header_version(version) >= 1 {
            skip_tags(&mut rest)?;
        }
        Some(Self { correlation, body: frame.len() - rest.len() })
    }
}

fn skip_tags(rest: &mut &[u8]) -> Option<()> {
    for _ in 0..varint(rest)? {
        varint(rest)?;
        let length = usize::try_from(varint(rest)?).ok()?;
        if rest.len() < length {
            return None;
        }
        rest.advance(length);
    }
    Some(())
}

/// An unsigned number of variable length.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let byte = rest.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(payload);
        frame
    }

    async fn all(bytes: &[u8], piece: usize) -> (Vec<Bytes>, NoFrame) {
        let (mut near, far) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        let write = async move {
            use tokio::io::AsyncWriteExt as _;
            near.write_all(&bytes).await
        };
        let read = async {
            let mut frames = Frames::new(far);
            let mut all = Vec::new();
            loop {
                match frames.next().await {
                    Ok(frame) => all.push(frame),
                    Err(end) => return (all, end),
                }
            }
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn frames_are_the_same_however_they_are_cut() {
        let expected = [frame(b"one"), frame(b""), frame(&[7; 300])];
        let bytes = expected.concat();
        for piece in 1..=bytes.len() {
            let (seen, end) = all(&bytes, piece).await;
            assert_eq!(seen, expected, "in pieces of {piece}");
            assert!(matches!(end, NoFrame::End));
        }
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_off_is_told_apart() {
        let (seen, end) = all(&frame(b"one")[..5], 2).await;
        assert!(seen.is_empty() && matches!(end, NoFrame::CutOff));
    }

    #[tokio::test]
    async fn lengths_that_cannot_be_are_named_and_not_allocated() {
        for (start, word) in [
            (&[0xff, 0xff, 0xff, 0xff][..], "-1 bytes"),
            (&[0x16, 3, 1, 2], "TLS"),
            (&[0x15, 3, 3, 0], "alert"),
            (b"GET / HTTP/1.1", "text"),
            (&[0x7f, 0, 0, 0], "allowed"),
        ] {
            let (_, end) = all(start, 64).await;
            let NoFrame::BadLength(why) = end else { panic!("{start:?}: {end:?}") };
            assert!(why.contains(word), "{why}");
        }
        let mut frames = Frames::new(&[0x0f, 0, 0, 0, 1][..]);
        assert!(matches!(frames.next().await, Err(NoFrame::CutOff)));
        assert!(frames.buffer.capacity() < 1 << 20);
    }

    #[test]
    fn heads_of_requests() {
        let produce = b"\0\0\0\x09\0\0\0\x05\0\x02ab\0rest";
        let head = RequestHead::parse(&frame(produce)).unwrap();
        assert_eq!((head.api, head.version, head.correlation), (0, 9, 5));
        assert_eq!(head.client_id.as_deref(), Some("ab"));
        assert_eq!(&frame(produce)[head.body..], b"rest");
        let heartbeat = b"\0\x0c\0\0\0\0\0\x05\xff\xffrest";
        let head = RequestHead::parse(&frame(heartbeat)).unwrap();
        assert_eq!(&frame(heartbeat)[head.body..], b"rest");
        for end in 0..produce.len() - 4 {
            _ = RequestHead::parse(&frame(&produce[..end]));
        }
        assert_eq!(RequestHead::parse(b"\0\0\0\x01\0"), None);
    }
}
