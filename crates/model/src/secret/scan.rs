//! One pass over a text: every name, every shape that gives a secret away.

use std::ops::Range;

use wonin_text::Span;

use super::keys::is_secret_key;
use super::value::{Named, is_harmless, past_reference};

/// What kind of text is searched: decides where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Configuration: a value reaches to the end of its line.
    Data,
    /// Program text: only string literals are values.
    Code,
    /// A sentence or a command line: a value is one word.
    Prose,
}

impl Syntax {
    /// The kind of a file, by its ending.
    pub fn of_path(path: &str) -> Self {
        let endings = [
            ".c", ".cs", ".go", ".gradle", ".groovy", ".java", ".js", ".jsx", ".kt", ".kts", ".py",
            ".rs", ".scala", ".ts", ".tsx",
        ];
        if endings.iter().any(|ending| path.ends_with(ending)) { Self::Code } else { Self::Data }
    }
}

/// The bytes of all secrets in a text, in order, without overlaps; line breaks are never among
/// them. Looks at every byte a bounded number of times.
pub fn spans(text: &str, syntax: Syntax) -> Vec<Span> {
    let mut scan = Scan { text, syntax, line_start: 0, line_end: 0, pair: None, found: Vec::new() };
    let mut start = 0;
    while start < text.len() {
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        scan.line_start = start;
        scan.line_end = if text[start..end].ends_with('\r') { end - 1 } else { end };
        let next = scan.line();
        start = next.max(end + 1);
    }
    merged(scan.found)
}

/// Sorts and joins overlapping spans.
fn merged(mut found: Vec<Span>) -> Vec<Span> {
    found.retain(|span| !span.is_empty());
    found.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(found.len());
    for span in found {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

struct Scan<'a> {
    text: &'a str,
    syntax: Syntax,
    line_start: usize,
    line_end: usize,
    /// `name: DB_PASSWORD` was read, its `value:` may follow: lines left.
    pair: Option<u8>,
    found: Vec<Span>,
}

/// Beginnings of tokens that are secrets by their shape, with the shortest whole length.
const SHAPES: &[(&str, usize)] = &[
    ("AKIA", 20),
    ("ASIA", 20),
    ("AIza", 35),
    ("eyJ", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("hvs.", 20),
    ("npm_", 30),
    ("sk_live_", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xapp-", 20),
];

impl Scan<'_> {
    /// Looks at one line; says where to go on where it swallowed more than the line.
    fn line(&mut self) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.line_start;
        while at < self.line_end {
            if is_word(bytes[at]) {
                let end = self.word_end(at);
                if let Some(next) = self.word(at..end) {
                    return next;
                }
                at = end;
            } else {
                if bytes[at] == b':' {
                    self.credentials_in_address(at);
                }
                at += 1;
            }
        }
        self.pair = self.pair.and_then(|lines| lines.checked_sub(1));
        self.line_end
    }

    fn word_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start;
        while end < self.line_end && is_word(bytes[end]) {
            end += 1;
        }
        // Inside `${NAME-default}` the name ends before the operator.
        if start >= 2 && &bytes[start - 2..start] == b"${" {
            let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
            let short = start + bytes[start..end].iter().take_while(|b| plain(b)).count();
            if short < end && is_secret_key(&self.text[start..short]) {
                return short;
            }
        }
        end
    }

    /// Looks at one word; says where to go on where a block of several lines was found.
    fn word(&mut self, range: Range<usize>) -> Option<usize> {
        let text = self.text;
        let word = &text[range.clone()];
        if word.starts_with("-----BEGIN") {
            return self.key_block(range.start);
        }
        if word.len() >= 20
            && SHAPES.iter().any(|(start, len)| word.starts_with(start) && word.len() >= *len)
        {
            self.push(range);
            return None;
        }
        if range.start >= 2 && &text.as_bytes()[range.start - 2..range.start] == b"${" {
            self.default_in_reference(&range);
            return None;
        }
        self.command_line(&range);
        let is_pair = self.pair.is_some() && word.eq_ignore_ascii_case("value");
        if word.eq_ignore_ascii_case("name") {
            self.pair = self.names_secret(&range).then_some(2);
        }
        let is_user = word.strip_prefix("user_").is_some_and(is_user_name)
            && matches!(text.as_bytes().get(range.end), Some(b'='));
        if is_pair || is_user || is_secret_key(word) {
            return self.named(range, is_user);
        }
        None
    }

    fn at_key(&self, range: &Range<usize>) -> Named<'_> {
        Named {
            text: self.text,
            syntax: self.syntax,
            line_start: self.line_start,
            line_end: self.line_end,
            key_start: range.start,
            key_end: range.end,
        }
    }

    /// Whether this `name:` is followed by the name of a secret, as in lists of `name`/`value`.
    fn names_secret(&self, range: &Range<usize>) -> bool {
        let value = self.at_key(range).value();
        value.is_some_and(|value| is_secret_key(&self.text[value.range]))
    }

    fn named(&mut self, range: Range<usize>, only_quoted: bool) -> Option<usize> {
        let value = self.at_key(&range).value()?.range;
        let text = self.text;
        if only_quoted && !text[..value.start].ends_with(['"', '\'']) {
            return None;
        }
        let written = &text[value.clone()];
        if self.syntax == Syntax::Data && is_block_mark(written) {
            return Some(self.block_scalar());
        }
        if !is_harmless(written) {
            self.literal_parts(value);
        }
        None
    }

    /// Hides what is written out in a value and leaves its references, whose defaults are hidden.
    fn literal_parts(&mut self, range: Range<usize>) {
        let mut at = range.start;
        let mut literal = at;
        while at < range.end {
            let Some(past) = past_reference(self.text, at, range.end) else {
                at += self.text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            self.push(literal..at);
            self.default_of(at..past);
            at = past;
            literal = at;
        }
        self.push(literal..range.end);
    }

    /// `${NAME:-default}` and `${NAME:default}`: the default.
    fn default_of(&mut self, reference: Range<usize>) {
        let inner = &self.text[reference.clone()];
        let Some(body) = inner.strip_prefix("${").and_then(|body| body.strip_suffix('}')) else {
            return;
        };
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let operator = body.trim_start_matches(name);
        let default = match operator.as_bytes() {
            [b':', b'?' | b'+', ..] | [b'?' | b'+', ..] | [] => return,
            [b':', b'-' | b'=', ..] => &operator[2..],
            [b':' | b'-' | b'=', ..] => &operator[1..],
            _ => return,
        };
        let end = reference.end - 1;
        if !is_harmless(default) {
            self.literal_parts(end - default.len()..end);
        }
    }

    fn default_in_reference(&mut self, name: &Range<usize>) {
        if is_secret_key(&self.text[name.clone()]) {
            let open = name.start - 2;
            if let Some(past) = past_reference(self.text, open, self.line_end) {
                self.default_of(open..past);
            }
        }
    }

    /// `scheme://user:secret@host` and `jdbc:oracle:thin:user/secret@host`.
    fn credentials_in_address(&mut self, colon: usize) {
        let rest = &self.text[colon + 1..self.line_end];
        let (start, separator) = if rest.starts_with("//") {
            (colon + 3, b':')
        } else if self.text[self.line_start..colon].ends_with("oracle:thin") {
            (colon + 1, b'/')
        } else {
            return;
        };
        let bytes = self.text.as_bytes();
        let (mut at, mut secret, mut end) = (start, None, None);
        while at < self.line_end {
            if let Some(past) = past_reference(self.text, at, self.line_end) {
                at = past;
                continue;
            }
            match bytes[at] {
                byte if byte == separator && secret.is_none() => secret = Some(at + 1),
                b'@' => end = Some(at),
                b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b' ' | b'\t' => break,
                _ => {}
            }
            at += 1;
        }
        match (secret, end) {
            (Some(secret), Some(end)) if secret < end => self.literal_parts(secret..end),
            // A user alone is a name, unless it is long enough for a token.
            (None, Some(end)) if end - start >= 20 => self.literal_parts(start..end),
            _ => {}
        }
    }

    /// Options that carry a secret without a telling name, and authorization headers.
    fn command_line(&mut self, range: &Range<usize>) {
        let text = self.text;
        let word = &text[range.clone()];
        let line = &text[self.line_start..self.line_end];
        let next = || self.next_word(range.end);
        let secret = match word {
            "-a" if line.contains("redis-cli") => next(),
            "-u" | "--user" if line.contains("curl") => next().and_then(|next| {
                let colon = text[next.clone()].find(':')?;
                Some(next.start + colon + 1..next.end)
            }),
            "Bearer" => next().filter(|next| next.len() >= 8),
            "Basic" => next().filter(|next| {
                let code = &text[next.clone()];
                code.len() >= 8
                    && (code.ends_with('=') || code.contains(|c: char| c.is_ascii_digit()))
            }),
            _ if word.len() > 2
                && word.starts_with("-p")
                && (line.contains("mysql") || line.contains("mariadb")) =>
            {
                Some(range.start + 2..self.option_end(range.end))
            }
            _ => None,
        };
        if let Some(secret) = secret {
            self.literal_parts(secret);
        }
    }

    /// The word behind an option, also as the next string of a list.
    fn next_word(&self, from: usize) -> Option<Range<usize>> {
        let rest = &self.text[from..self.line_end];
        let lead = rest.len() - rest.trim_start_matches(['"', '\'', ',', ' ', '\t']).len();
        let start = from + lead;
        (lead > 0 && start < self.line_end).then(|| start..self.option_end(start))
    }

    fn option_end(&self, start: usize) -> usize {
        let rest = &self.text[start..self.line_end];
        let stop = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ']' | ';' | '|');
        start + rest.find(stop).unwrap_or(rest.len())
    }

    /// A private key between its PEM marks.
    fn key_block(&mut self, start: usize) -> Option<usize> {
        let text = self.text;
        let head_end = start + 10 + text.get(start + 10..self.line_end)?.find("-----")? + 5;
        if !text[start..head_end].contains("PRIVATE KEY") {
            return None;
        }
        let body = &text[head_end..];
        let end = head_end + body.find("-----END").unwrap_or(body.len());
        self.lines(head_end..end);
        let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at);
        (line_end > self.line_end).then_some(line_end)
    }

    /// The lines of a YAML block scalar: all that are indented deeper than the current one.
    fn block_scalar(&mut self) -> usize {
        let text = self.text;
        let indent = indent_of(&text[self.line_start..self.line_end]);
        let body = text[self.line_end..].find('\n').map_or(text.len(), |at| self.line_end + at + 1);
        let mut end = body;
        for line in text[body..].split_inclusive('\n') {
            if !line.trim().is_empty() && indent_of(line) <= indent {
                break;
            }
            end += line.len();
        }
        self.lines(body..end);
        end
    }

    /// Each line of the range without its indentation.
    fn lines(&mut self, range: Range<usize>) {
        let mut start = range.start;
        for line in self.text[range].split_inclusive('\n') {
            let lead = line.len() - line.trim_start().len();
            self.push(start + lead..start + lead + line.trim().len());
            start += line.len();
        }
    }

    fn push(&mut self, range: Range<usize>) {
        self.found.push(Span::new(range.start, range.end));
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn is_user_name(rest: &str) -> bool {
    !["agent", "data", "group", "id", "name"].contains(&rest)
}

fn is_block_mark(value: &str) -> bool {
    value.starts_with(['|', '>'])
        && value[1..].bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}
