//! nginx configuration: directives with their words and blocks, all with places.
//!
//! The rules of the language are nginx's own: a directive ends at `;` or opens a block, quotes
//! count only where a word begins, `${…}` inside a word is no block, `#` begins a comment only
//! between words.

use std::borrow::Cow;

use wonin_text::Span;

use crate::Problem;

/// Blocks within blocks that are followed; deeper ones are a problem of the text.
const DEPTH_MAX: usize = 64;

/// What one parse gave.
#[derive(Clone, Debug, Default)]
pub struct NginxTree {
    /// Directives of the main level.
    pub directives: Vec<NginxDirective>,
    /// What could not be understood.
    pub problems: Vec<Problem>,
}

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxDirective {
    /// Its name: `proxy_pass`.
    pub name: NginxWord,
    /// The words after the name.
    pub args: Vec<NginxWord>,
    /// The block in braces, where it has one. Blocks of other languages (`…_by_lua_block`) are
    /// empty.
    pub block: Option<Vec<NginxDirective>>,
    /// From the name to the `;` or `}`.
    pub span: Span,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxWord {
    /// The value without quotes, escapes resolved.
    pub value: String,
    /// The bytes, quotes included.
    pub span: Span,
    /// The bytes inside the quotes; equal to `span` without quotes.
    pub inner: Span,
}

impl NginxDirective {
    /// Whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name.value == name
    }

    /// The directives of its block; empty without one.
    pub fn children(&self) -> &[NginxDirective] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// Parses nginx configuration. Never fails: a mistake is a problem, and the rest goes on.
pub fn parse_nginx(text: &str) -> NginxTree {
    let mut parser = Parser { text, at: 0, open: vec![Level::default()], problems: Vec::new() };
    while let Some(token) = parser.next_token() {
        parser.take(token);
    }
    parser.finish()
}

/// A piece of the text that the grammar knows.
enum Token {
    Word(NginxWord),
    Semicolon(usize),
    Open(usize),
    Close(usize),
}

/// A block that is being read.
#[derive(Default)]
struct Level {
    /// Name and arguments of the directive that opened it; `None` for the main level.
    opener: Option<Vec<NginxWord>>,
    /// Finished directives.
    done: Vec<NginxDirective>,
    /// Words of the directive that is not finished.
    words: Vec<NginxWord>,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Never empty: the first one is the main level.
    open: Vec<Level>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn problem(&mut self, start: usize, end: usize, message: impl Into<String>) {
        self.problems.push(Problem { span: Span::new(start, end), message: message.into() });
    }

    fn next_token(&mut self) -> Option<Token> {
        loop {
            let byte = self.byte(self.at)?;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'#' => {
                    let rest = &self.text.as_bytes()[self.at..];
                    let length = rest.iter().position(|&byte| byte == b'\n');
                    self.at += length.unwrap_or(rest.len());
                }
                b';' | b'{' | b'}' => {
                    self.at += 1;
                    let at = self.at - 1;
                    return Some(match byte {
                        b';' => Token::Semicolon(at),
                        b'{' => Token::Open(at),
                        _ => Token::Close(at),
                    });
                }
                b'"' | b'\'' => return Some(Token::Word(self.quoted(byte))),
                _ => return Some(Token::Word(self.plain())),
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> NginxWord {
        let start = self.at;
        let mut at = start + 1;
        loop {
            match self.byte(at) {
                None => {
                    self.at = self.text.len();
                    self.problem(start, self.text.len(), "a quote that does not end");
                    return self.word(start, self.at, start + 1, self.at);
                }
                Some(b'\\') => at += 2,
                Some(byte) if byte == quote => break,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        let word = self.word(start, self.at, start + 1, at);
        let apart = self.byte(self.at).is_none_or(|byte| b" \t\r\n;{)".contains(&byte));
        if !apart {
            self.problem(start, self.at, "a quoted word must be followed by a space, `;` or `{`");
        }
        word
    }

    fn plain(&mut self) -> NginxWord {
        let start = self.at;
        let mut at = start;
        while let Some(byte) = self.byte(at) {
            match byte {
                // nginx itself would take a `}` into the word; a forgotten `;` is likelier.
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b'}' => break,
                b'\\' => at += 2,
                b'$' if self.byte(at + 1) == Some(b'{') => {
                    at += 2;
                    // The name ends at `}`; anything that cannot be in a name ends it as well.
                    while self.byte(at).is_some_and(|b| b != b'}' && !b" \t\r\n;{".contains(&b)) {
                        at += 1;
                    }
                    if self.byte(at) == Some(b'}') {
                        at += 1;
                    }
                }
                _ => at += 1,
            }
        }
        self.at = self.boundary(at.min(self.text.len()));
        self.word(start, self.at, start, self.at)
    }

    /// The next offset that does not cut a character: a backslash may stand before any.
    fn boundary(&self, at: usize) -> usize {
        (at..=self.text.len()).find(|&at| self.text.is_char_boundary(at)).unwrap_or(at)
    }

    fn word(&self, start: usize, end: usize, inner_start: usize, inner_end: usize) -> NginxWord {
        let inner = Span::new(inner_start, self.boundary(inner_end).max(inner_start));
        let raw = self.text.get(inner.range()).unwrap_or("");
        NginxWord { value: unescape(raw).into_owned(), span: Span::new(start, end), inner }
    }

    fn take(&mut self, token: Token) {
        match token {
            Token::Word(word) => self.level().words.push(word),
            Token::Semicolon(at) => self.end_directive(at + 1),
            Token::Open(at) => self.open_block(at),
            Token::Close(at) => self.close_block(at),
        }
    }

    fn level(&mut self) -> &mut Level {
        if self.open.is_empty() {
            self.open.push(Level::default());
        }
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn end_directive(&mut self, end: usize) {
        let words = std::mem::take(&mut self.level().words);
        match directive(words, None, end) {
            Some(directive) => self.level().done.push(directive),
            None => self.problem(end - 1, end, "`;` without a directive"),
        }
    }

    fn open_block(&mut self, at: usize) {
        let words = std::mem::take(&mut self.level().words);
        let Some(name) = words.first() else {
            self.problem(at, at + 1, "`{` without a directive");
            self.skip_block(at);
            return;
        };
        if name.value.ends_with("_by_lua_block") {
            self.skip_block(at);
            let end = self.at;
            let raw = directive(words, Some(Vec::new()), end);
            self.level().done.extend(raw);
        } else if self.open.len() > DEPTH_MAX {
            self.problem(at, at + 1, format!("more than {DEPTH_MAX} blocks within blocks"));
            self.skip_block(at);
        } else {
            self.open.push(Level { opener: Some(words), ..Level::default() });
        }
    }

    /// Goes past the `}` that belongs to the `{` at `at`, whatever stands between.
    fn skip_block(&mut self, at: usize) {
        let mut depth = 0_usize;
        let bytes = self.text.as_bytes();
        let mut end = at;
        while let Some(byte) = bytes.get(end) {
            end += 1;
            match byte {
                b'{' => depth += 1,
                b'}' if depth <= 1 => break,
                b'}' => depth -= 1,
                _ => {}
            }
        }
        self.at = end;
    }

    fn close_block(&mut self, at: usize) {
        self.unfinished(at);
        if self.open.len() < 2 {
            self.problem(at, at + 1, "`}` without `{`");
            return;
        }
        self.close_level(at + 1);
    }

    fn close_level(&mut self, end: usize) {
        let Some(level) = self.open.pop() else { return };
        let block = level.opener.and_then(|words| directive(words, Some(level.done), end));
        self.level().done.extend(block);
    }

    /// Reports words that no `;` ended, and keeps them as a directive.
    fn unfinished(&mut self, at: usize) {
        let words = std::mem::take(&mut self.level().words);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let (start, end) = (first.span.start as usize, last.span.end as usize);
        self.problem(start, end.min(at), "a directive without `;`");
        let kept = directive(words, None, end);
        self.level().done.extend(kept);
    }

    fn finish(mut self) -> NginxTree {
        let end = self.text.len();
        self.unfinished(end);
        while self.open.len() > 1 {
            self.problem(end, end, "a block without `}`");
            self.close_level(end);
        }
        let directives = self.open.pop().map(|level| level.done).unwrap_or_default();
        NginxTree { directives, problems: self.problems }
    }
}

fn directive(
    words: Vec<NginxWord>,
    block: Option<Vec<NginxDirective>>,
    end: usize,
) -> Option<NginxDirective> {
    let mut words = words.into_iter();
    let name = words.next()?;
    let span = Span::new(name.span.start as usize, end);
    Some(NginxDirective { name, args: words.collect(), block, span })
}

/// Resolves what nginx resolves: `\"`, `\'`, `\\`, `\t`, `\r`, `\n`; other backslashes stay.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw.chars().peekable();
    while let Some(character) = rest.next() {
        let replaced = match (character, rest.peek()) {
            ('\\', Some('"')) => Some('"'),
            ('\\', Some('\'')) => Some('\''),
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('n')) => Some('\n'),
            _ => None,
        };
        if replaced.is_some() {
            rest.next();
        }
        out.push(replaced.unwrap_or(character));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tree as one line: `name arg{child;}`.
    fn shape(directives: &[NginxDirective]) -> String {
        let one = |directive: &NginxDirective| {
            let mut words = vec![directive.name.value.clone()];
            words.extend(directive.args.iter().map(|arg| arg.value.clone()));
            match &directive.block {
                Some(block) => format!("{}{{{}}}", words.join(" "), shape(block)),
                None => format!("{};", words.join(" ")),
            }
        };
        directives.iter().map(one).collect()
    }

    fn clean(text: &str) -> String {
        let tree = parse_nginx(text);
        assert_eq!(tree.problems, []);
        shape(&tree.directives)
    }

    #[test]
    fn directives_blocks_and_comments() {
        let text = "# head {\nhttp {\n  server { listen 80; # tail;\n    location / { return 200; } }\n}\n";
        assert_eq!(clean(text), "http{server{listen 80;location /{return 200;}}}");
    }

    #[test]
    fn quotes_and_variables_do_not_open_blocks() {
        assert_eq!(
            clean("log_format a '{\"x\": \"$y\"}';\nproxy_pass http://${HOST}:8080/a#b;"),
            "log_format a {\"x\": \"$y\"};proxy_pass http://${HOST}:8080/a#b;"
        );
    }

    #[test]
    fn words_know_the_bytes_inside_their_quotes() {
        let text = "set $to \"http://app:80\";";
        let tree = parse_nginx(text);
        let word = &tree.directives[0].args[1];
        assert_eq!(&text[word.inner.range()], "http://app:80");
        assert_eq!(&text[word.span.range()], "\"http://app:80\"");
    }

    #[test]
    fn lua_is_skipped() {
        let text =
            "location / { content_by_lua_block { if a then b = {1}; end } proxy_pass http://x; }";
        assert_eq!(clean(text), "location /{content_by_lua_block{}proxy_pass http://x;}");
    }

    #[test]
    fn mistakes_are_told_and_the_rest_goes_on() {
        let tree = parse_nginx("server { listen 80 }\nupstream a { server b:1; ");
        let messages: Vec<_> = tree.problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(messages, ["a directive without `;`", "a block without `}`"]);
        assert_eq!(shape(&tree.directives), "server{listen 80;}upstream a{server b:1;}");
        assert_eq!(parse_nginx("} a;").directives.len(), 1);
        assert_eq!(parse_nginx(&"a{".repeat(1000)).problems.len(), 1 + DEPTH_MAX);
    }

    fn check(text: &str, directives: &[NginxDirective]) -> Result<(), TestCaseError> {
        for directive in directives {
            for word in std::iter::once(&directive.name).chain(&directive.args) {
                let alone = parse_nginx(&text[word.span.range()]);
                prop_assert_eq!(&alone.directives[0].name.value, &word.value);
                prop_assert!(text.get(word.inner.range()).is_some());
            }
            prop_assert!(text.get(directive.span.range()).is_some());
            check(text, directive.children())?;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_parses_and_spans_parse_again(
            text in r#"([a-z가$]|[ \n\t;{}'"\\#/:.]|\$\{|by_lua_block ){0,60}"#
        ) {
            let tree = parse_nginx(&text);
            check(&text, &tree.directives)?;
        }

        #[test]
        fn arbitrary_unicode_never_panics(text in any::<String>()) {
            check(&text, &parse_nginx(&text).directives)?;
        }
    }
}
