//! One event while its lines come in.

use wonin_model::Level;

use super::head::Style;
use super::trace::State;

/// Bytes of an event that are kept; of a longer one only lines that are no frames, up to twice
/// as many.
const EVENT_BYTES_MAX: usize = 64 << 10;
/// Bytes of one line that are kept for showing.
pub(super) const SHOWN_BYTES_MAX: usize = 4 << 10;

/// One line of an event: its number, and where it begins in the event's two texts.
#[derive(Clone, Copy, Debug)]
struct LineStart {
    number: u64,
    text: usize,
    shown: usize,
}

/// An event in the making.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// The lines without envelopes, with `\n` between them.
    pub(super) text: String,
    /// The lines as they stand in the file, each cut, with `\n` between them.
    shown: String,
    lines: Vec<LineStart>,
    pub(super) at_ms: Option<i64>,
    pub(super) level: Option<Level>,
    pub(super) style: Option<Style>,
    /// Where the message begins in the first line.
    pub(super) message_start: usize,
    /// The message where it is not a part of the text as it stands: that of a JSON line.
    pub(super) message: Option<String>,
    /// The trace of a JSON line.
    pub(super) trace: Option<String>,
    pub(super) state: State,
    /// How often it occurred, where an engine counted; 0 stands for once.
    pub(super) times: u64,
}

impl Event {
    pub(super) fn is_open(&self) -> bool {
        !self.lines.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.shown.clear();
        self.lines.clear();
        self.at_ms = None;
        self.level = None;
        self.style = None;
        self.message_start = 0;
        self.message = None;
        self.trace = None;
        self.state = State::Plain;
        self.times = 0;
        // One huge event must not cost its room for ever.
        self.text.shrink_to(EVENT_BYTES_MAX);
        self.shown.shrink_to(EVENT_BYTES_MAX);
    }

    /// Adds a line: as it stands, and without what is around it.
    pub(super) fn add(&mut self, number: u64, shown: &str, text: &str) {
        if self.text.len() > EVENT_BYTES_MAX {
            let is_frame = text.starts_with([' ', '\t']);
            if is_frame || self.text.len() > 2 * EVENT_BYTES_MAX {
                return;
            }
        }
        if self.is_open() {
            self.text.push('\n');
            self.shown.push('\n');
        }
        self.lines.push(LineStart { number, text: self.text.len(), shown: self.shown.len() });
        self.text.push_str(text);
        self.shown.push_str(cut(shown, SHOWN_BYTES_MAX));
    }

    /// The first line's number and text.
    pub(super) fn first(&self) -> (u64, &str) {
        self.shown_line(0)
    }

    fn shown_line(&self, index: usize) -> (u64, &str) {
        let Some(line) = self.lines.get(index) else {
            return (0, "");
        };
        let end = self.lines.get(index + 1).map_or(self.shown.len(), |next| next.shown - 1);
        (line.number, &self.shown[line.shown..end])
    }

    /// The line in which a part of the text begins: its number, its text, and the part in it.
    pub(super) fn locate(
        &self,
        part: std::ops::Range<usize>,
    ) -> (u64, &str, std::ops::Range<usize>) {
        let index = self.lines.partition_point(|line| line.text <= part.start).saturating_sub(1);
        let (number, shown) = self.shown_line(index);
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| next.text - 1);
        let found = self.text.get(part.start..part.end.min(end).max(part.start)).unwrap_or("");
        let found = found.lines().next().unwrap_or("");
        // Escapes and cuts make the two texts differ; then the line as a whole is the place.
        let start = self.lines.get(index).map_or(0, |line| line.text);
        let at = part.start.saturating_sub(start);
        let within = match place_of(found, shown, at, end.saturating_sub(start)) {
            Some(at) if !found.is_empty() => at..at + found.len(),
            _ => 0..shown.len(),
        };
        (number, shown, within)
    }

    /// What templates are made of.
    pub(super) fn message(&self) -> &str {
        if let Some(message) = &self.message {
            return message;
        }
        let mut lines = self.text.lines();
        let first = lines.next().unwrap_or("");
        let message = first.get(self.message_start..).unwrap_or(first);
        // .NET's console puts the text below the category.
        if self.style == Some(Style::DotNet)
            && let Some(second) = lines.next()
        {
            return second.trim_start();
        }
        if message.trim().is_empty() { first } else { message }
    }
}

/// Where a part is in a line as it stands. What is around a line mostly stands before it only; then
/// its own place, or that counted from the end, is the right one without a search.
fn place_of(part: &str, shown: &str, at: usize, len: usize) -> Option<usize> {
    let is_at = |at: &usize| shown.get(*at..).is_some_and(|rest| rest.starts_with(part));
    let from_end = shown.len().checked_sub(len).map(|before| before + at);
    [Some(at), from_end].into_iter().flatten().find(is_at).or_else(|| shown.find(part))
}

/// The beginning of a text, at most so many bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
