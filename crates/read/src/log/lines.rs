//! A stream of bytes as lines: one buffer, lines of any length, packed or not.

use std::io::{self, BufRead as _, BufReader, Read};

use memchr::memchr;

/// Bytes of one line that are looked at; the rest of a longer one is passed over.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 10;

const BUFFER_BYTES: usize = 4 * LINE_BYTES_MAX;

/// A source of bytes, from wherever it comes.
pub(crate) type Source = Box<dyn Read + Send>;

/// One line without its line break.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// At most [`LINE_BYTES_MAX`] of its bytes.
    pub(crate) bytes: &'a [u8],
}

/// Lines of a source, in constant memory.
pub(crate) struct Lines {
    source: Source,
    buffer: Vec<u8>,
    /// The part of the buffer that was not given out yet.
    from: usize,
    to: usize,
    number: u64,
    ended: bool,
    /// Whether the line last given out has a rest that is still to be passed over.
    in_long_line: bool,
    /// How many lines were longer than [`LINE_BYTES_MAX`].
    pub(crate) cut: u64,
    /// Why reading ended before the end.
    pub(crate) failure: Option<String>,
}

impl Lines {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER_BYTES],
            from: 0,
            to: 0,
            number: 0,
            ended: false,
            in_long_line: false,
            cut: 0,
            failure: None,
        }
    }

    /// What lies ahead, up to a whole line's bound, without taking it.
    pub(crate) fn head(&mut self) -> &[u8] {
        while !self.ended && self.to - self.from < LINE_BYTES_MAX {
            self.fill();
        }
        &self.buffer[self.from..self.to.min(self.from + LINE_BYTES_MAX)]
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> Option<Line<'_>> {
        if self.in_long_line {
            self.pass_over();
        }
        let mut searched = 0;
        loop {
            let seen = &self.buffer[self.from..self.to];
            let bound = seen.len().min(LINE_BYTES_MAX);
            if let Some(at) = memchr(b'\n', &seen[searched.min(bound)..bound]) {
                return Some(self.give(searched + at, 1));
            }
            if seen.len() > LINE_BYTES_MAX {
                self.cut += 1;
                self.in_long_line = true;
                return Some(self.give(LINE_BYTES_MAX, 0));
            }
            if self.ended {
                let rest = seen.len();
                return (rest > 0).then(|| self.give(rest, 0));
            }
            searched = bound;
            self.fill();
        }
    }

    /// All that was not given out yet as bytes, up to about so many. What is behind them stays.
    pub(crate) fn whole(&mut self, bytes_max: u64) -> Vec<u8> {
        let mut bytes = self.buffer[self.from..self.to].to_vec();
        self.from = self.to;
        let room = bytes_max.saturating_sub(bytes.len() as u64);
        if !self.ended
            && let Err(error) = self.source.by_ref().take(room).read_to_end(&mut bytes)
        {
            self.failure = Some(error.to_string());
            self.ended = true;
        }
        bytes
    }

    /// The same bytes once more, and then what is behind them.
    pub(crate) fn again(self, bytes: Vec<u8>) -> Self {
        let mut lines = Self::new(Box::new(io::Cursor::new(bytes).chain(self.source)));
        lines.failure = self.failure;
        lines
    }

    fn give(&mut self, len: usize, line_break: usize) -> Line<'_> {
        self.number += 1;
        let start = self.from;
        self.from += len + line_break;
        let bytes = &self.buffer[start..start + len];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Line { number: self.number, bytes }
    }

    /// Passes over the rest of a line that was too long.
    fn pass_over(&mut self) {
        self.in_long_line = false;
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.from..self.to]) {
                self.from += at + 1;
                return;
            }
            self.from = self.to;
            if self.ended {
                return;
            }
            self.fill();
        }
    }

    /// Reads once more into the buffer; what is in it moves to its front when room gets short.
    fn fill(&mut self) {
        if self.buffer.len() - self.to < LINE_BYTES_MAX {
            self.buffer.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        match self.source.read(&mut self.buffer[self.to..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.to += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.failure = Some(error.to_string());
                self.ended = true;
            }
        }
    }
}

/// Unpacks gzip and zstd, which their first bytes tell, and turns UTF-16 into UTF-8.
pub(crate) fn unpack(source: Source) -> Result<Source, String> {
    let mut source = BufReader::with_capacity(LINE_BYTES_MAX, source);
    let head = source.fill_buf().map_err(|error| error.to_string())?;
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(source)));
    }
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Box::new(Zstd { source: Some(source), frame: None }));
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        let is_big = head[0] == 0xfe;
        return Ok(Box::new(Utf16 { source, is_big, ready: Vec::new(), given: 0 }));
    }
    Ok(Box::new(source))
}

type Plain = BufReader<Source>;
type Frame = ruzstd::decoding::StreamingDecoder<Plain, ruzstd::decoding::FrameDecoder>;

/// All frames of a zstd file, one after the other.
struct Zstd {
    source: Option<Plain>,
    frame: Option<Box<Frame>>,
}

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(into)?;
                if count > 0 || into.is_empty() {
                    return Ok(count);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.source = Some(frame.into_inner());
            }
            let Some(mut source) = self.source.take() else {
                return Ok(0);
            };
            if source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = Frame::new(source).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}

/// UTF-16 with a byte order mark, as PowerShell writes it.
struct Utf16 {
    source: Plain,
    is_big: bool,
    ready: Vec<u8>,
    given: usize,
}

impl Read for Utf16 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            let mut raw = Vec::with_capacity(8 << 10);
            if self.source.by_ref().take(8 << 10).read_to_end(&mut raw)? == 0 {
                return Ok(0);
            }
            let units = raw.chunks_exact(2).map(|pair| {
                let unit = [pair[0], pair[1]];
                if self.is_big { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) }
            });
            // A pair of surrogates on the edge of a chunk becomes two replacement characters.
            let text = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}'));
            self.ready = text.filter(|&unit| unit != '\u{feff}').collect::<String>().into_bytes();
            self.given = 0;
        }
        let count = into.len().min(self.ready.len() - self.given);
        into[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Lines::new(unpack(Box::new(io::Cursor::new(bytes.to_vec()))).unwrap());
        let mut out = Vec::new();
        while let Some(line) = lines.next() {
            out.push((line.number, line.bytes.to_vec()));
        }
        out
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 10 * LINE_BYTES_MAX];
        text.extend_from_slice(b"\r\nnext");
        let seen = lines(&text);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].1.len(), LINE_BYTES_MAX);
        assert_eq!(seen[1], (2, b"next".to_vec()));
    }

    #[test]
    fn gzip_members_follow_each_other() {
        let mut packed = Vec::new();
        for part in ["one\n", "two\n"] {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part.as_bytes()).unwrap();
            packed.extend(encoder.finish().unwrap());
        }
        assert_eq!(lines(&packed), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    }

    #[test]
    fn zstd_frames_follow_each_other() {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        let mut packed = compress_to_vec(&b"one\n"[..], CompressionLevel::Fastest);
        packed.extend(compress_to_vec(&b"two\n"[..], CompressionLevel::Fastest));
        assert_eq!(lines(&packed), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    }

    #[test]
    fn utf_16_is_read() {
        let units: Vec<u8> = "\u{feff}원인\nb".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&units), [(1, "원인".as_bytes().to_vec()), (2, b"b".to_vec())]);
    }

    #[test]
    fn a_broken_packed_file_ends_with_a_reason() {
        let mut lines = Lines::new(unpack(Box::new(&[0x1f, 0x8b, 8, 0, 1][..])).unwrap());
        assert!(lines.next().is_none());
        assert!(lines.failure.is_some());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text in "[ab\n]{0,400}") {
            let mut expected: Vec<&str> = text.split('\n').collect();
            if expected.last() == Some(&"") {
                expected.pop();
            }
            let seen = lines(text.as_bytes());
            prop_assert_eq!(seen.len(), expected.len());
            for (index, (number, bytes)) in seen.iter().enumerate() {
                prop_assert_eq!(*number, index as u64 + 1);
                prop_assert_eq!(bytes.as_slice(), expected[index].as_bytes());
            }
        }
    }
}
