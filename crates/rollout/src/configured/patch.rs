//! Changes of settings as edits of the files that they come from.

use wonin_model::{FileEdit, Inheritance, Origin};
use wonin_text::{Edit, Place, Sources, Span};

use super::{Configured, Home, Spelling, Written, users};
use crate::solve::Change;

/// The edits that make all changes; empty where one of them has no place that can be told: a value
/// that is computed, a default without a block to write it into, a definition that others share.
pub fn edits(configured: &Configured, sources: &Sources, changes: &[Change]) -> Vec<FileEdit> {
    edits_or_why(configured, sources, changes).unwrap_or_default()
}

/// The edits that make all changes; or why a person must make them, and where.
pub fn edits_or_why(
    configured: &Configured,
    sources: &Sources,
    changes: &[Change],
) -> Result<Vec<FileEdit>, String> {
    let mut out: Vec<FileEdit> = Vec::with_capacity(changes.len());
    // A new startup probe is a copy of the liveness probe as it is now.
    let written = || changes.iter().filter_map(|change| configured.settings.get(&change.setting));
    let copies = written().any(|one| matches!(one.home, Some(Home::BesideLiveness(_))));
    if copies && written().any(|one| one.within == Some("livenessProbe")) {
        return Err("a startup probe is made from the liveness probe: change one at a time".into());
    }
    for change in changes {
        let Some(written) = configured.settings.get(&change.setting) else {
            return Err(format!("`{}` is written in none of these files", change.setting.id()));
        };
        let edit = one(configured, sources, written, change)?;
        if let Some(same) = out.iter_mut().find(|other| makes_same_block(other, &edit)) {
            let both = in_one_block(&same.edit.replacement, &edit.edit.replacement);
            same.edit.replacement = both.ok_or("both would be written into the same place")?;
            continue;
        }
        if out.iter().any(|other| clash(other, &edit)) {
            return Err("both would be written into the same place".to_owned());
        }
        out.push(edit);
    }
    Ok(out)
}

fn one(
    configured: &Configured,
    sources: &Sources,
    written: &Written,
    change: &Change,
) -> Result<FileEdit, String> {
    let name = written.full_name();
    let inserted = || {
        let edit = insertion(sources, written, change.to);
        edit.ok_or_else(|| {
            format!("`{name}` is a default, and there is no block to write it into alone")
        })
    };
    match &written.origin {
        Origin::Default(_) => inserted(),
        Origin::Inherited(inherited) if inherited.how == Inheritance::Extends => {
            // What a service says itself goes over what it extends.
            inserted().map_err(|_| {
                at(sources, inherited.place, &name, "belongs to the service that is extended")
            })
        }
        origin => replacement(configured, sources, written, origin, change),
    }
}

/// One text has one new value.
fn clash(one: &FileEdit, other: &FileEdit) -> bool {
    let (a, b) = (one.edit.span, other.edit.span);
    one.file == other.file && a.start < b.end && b.start < a.end
}

/// Whether both make the same block at the same place.
fn makes_same_block(one: &FileEdit, other: &FileEdit) -> bool {
    let makes_block = |edit: &FileEdit| {
        let text = &edit.edit.replacement;
        ["{", "<<:", "healthcheck:"].iter().any(|sign| text.contains(sign))
    };
    one.file == other.file
        && one.edit.span == other.edit.span
        && makes_block(one)
        && makes_block(other)
}

/// Two blocks that differ in one line as one block with both lines.
fn in_one_block(one: &str, other: &str) -> Option<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (one.split('\n').collect(), other.split('\n').collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let is_line = |lines: &[&str]| lines.len() == head + tail + 1;
    (is_line(&a) && is_line(&b)).then(|| [&a[..=head], &b[head..]].concat().join("\n"))
}

fn edit(place: Place, replacement: String) -> FileEdit {
    FileEdit { file: place.file, edit: Edit { span: place.span, replacement } }
}

/// `retries` at compose.yml:12 …
fn at(sources: &Sources, place: Place, name: &str, why: &str) -> String {
    let path = sources.file(place.file).path();
    format!("`{name}` at {path}:{} {why}", sources.position(place).line)
}

/// The new value in place of the old one, quotes kept, where the text there is the old one and
/// nothing else takes it.
fn replacement(
    configured: &Configured,
    sources: &Sources,
    written: &Written,
    origin: &Origin,
    change: &Change,
) -> Result<FileEdit, String> {
    let name = written.full_name();
    let place = match origin {
        Origin::Written(place) => *place,
        Origin::Inherited(inherited) => {
            if let Some(why) = users::shared(sources, inherited) {
                // An alias can be kept and overruled where the mapping is its value.
                let own = (inherited.how == Inheritance::Alias)
                    .then(|| insertion(sources, written, change.to))
                    .flatten();
                return own.ok_or_else(|| {
                    at(sources, inherited.place, &name, &format!("is shared: {why}"))
                });
            }
            inherited.place
        }
        Origin::Interpolated(filled) => match filled.from.as_slice() {
            [only] => *only,
            _ => return Err(at(sources, filled.place, &name, "is computed from several values")),
        },
        Origin::Default(_) => return Err(format!("`{name}` is a default")),
    };
    if let Some(others) = configured.shared.get(&place) {
        let why = format!("is the value of {} as well", others.join(", "));
        return Err(at(sources, place, &name, &why));
    }
    let text = sources.slice(place);
    let inner = text.trim_matches(['"', '\'']);
    let is_share = written.spelling == Spelling::Pods && inner.ends_with('%');
    if !is_share && written.spelling.value(inner) != Some(change.from) {
        return Err(at(sources, place, &name, "is computed"));
    }
    let quote = &text[..(text.len() - inner.len()) / 2];
    Ok(edit(place, format!("{quote}{}{quote}", written.spelling.text(change.to))))
}

/// A new line, or a new entry of a map on one line.
fn insertion(sources: &Sources, written: &Written, to: u64) -> Option<FileEdit> {
    let value = written.spelling.text(to);
    let (place, text) = match written.home? {
        Home::Block(place) => (place, in_block(sources, place, written.name, &value)?),
        Home::Nested(place, block) => (place, nested(sources, place, block, written.name, &value)?),
        Home::Map(place) => (place, in_map(sources, place, written.name, &value)?),
        Home::Key(place) => {
            if let Some(edit) = over_alias(sources, place, written.name, &value) {
                return Some(edit);
            }
            (place, behind_key(sources, place, written.name, &value)?)
        }
        Home::Service(place) => (place, own_block(sources, place, written, &value)?),
        Home::Beside(place) => (place, beside(sources, place, written.name, &value)?),
        Home::BesideLiveness(place) => (place, startup_probe(sources, place, &value)?),
    };
    let (at, text) = text;
    Some(edit(Place { file: place.file, span: Span::new(at, at) }, text))
}

/// Where to insert, and what.
type Insert = (usize, String);

/// A line at the beginning of a Terraform block.
fn in_block(sources: &Sources, place: Place, name: &str, value: &str) -> Option<Insert> {
    let text = sources.file(place.file).text();
    let open = place.span.start as usize + sources.slice(place).find('{')? + 1;
    if says(inside(text, open), name) {
        return None;
    }
    let entry = First::after(text, open)?;
    // A block on one line holds one argument only.
    entry.on_own_line.then(|| entry.insert(name, value, false))
}

/// From behind an opening brace to the one that closes it. Braces in texts and comments come in
/// pairs, nearly always; otherwise the rest of the file counts.
fn inside(text: &str, open: usize) -> &str {
    let rest = text.get(open..).unwrap_or_default();
    let mut depth = 1_u32;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[..at];
        }
    }
    rest
}

/// Whether an argument or a key is written already, if only as `null`.
fn says(block: &str, name: &str) -> bool {
    let mut parts = block.split(['\n', ',', '{']);
    parts.any(|part| {
        let part = part.trim_start().trim_start_matches('"');
        let rest = part.strip_prefix(name).map(|rest| rest.trim_start_matches('"').trim_start());
        rest.is_some_and(|rest| rest.starts_with(['=', ':']))
    })
}

/// A line in a block inside a Terraform block or object, or that block with the line.
fn nested(sources: &Sources, place: Place, block: &str, name: &str, value: &str) -> Option<Insert> {
    let text = sources.file(place.file).text();
    let begin = place.span.start as usize;
    let is_object = sources.slice(place).starts_with('{');
    let opens = |line: &str| {
        let rest = line.trim_start().strip_prefix(block)?.trim_start();
        let rest = if is_object { rest.strip_prefix('=')?.trim_start() } else { rest };
        rest.starts_with('{').then(|| line.len() - rest.len() + 1)
    };
    let mut at = begin;
    for line in sources.slice(place).split_inclusive('\n') {
        if line.contains(&format!("\"{block}\"")) && line.trim_start().starts_with("dynamic") {
            return None;
        }
        if let Some(open) = opens(line) {
            if says(inside(text, at + open), name) {
                return None;
            }
            let entry = First::after(text, at + open)?;
            let fits = is_object || entry.on_own_line;
            return fits.then(|| entry.insert(name, value, is_object));
        }
        at += line.len();
    }
    let open = begin + sources.slice(place).find('{')? + 1;
    if says(inside(text, open), block) {
        return None;
    }
    let entry = First::after(text, open)?;
    let indent = entry.indent;
    entry.on_own_line.then(|| {
        let (sign, gap) = if is_object { (" =", "") } else { ("", "\n") };
        let text =
            format!("{indent}{block}{sign} {{\n{indent}  {name} = {value}\n{indent}}}\n{gap}");
        (entry.line, text)
    })
}

/// An entry at the beginning of an object or a mapping.
fn in_map(sources: &Sources, place: Place, name: &str, value: &str) -> Option<Insert> {
    let text = sources.file(place.file).text();
    let begin = place.span.start as usize;
    if sources.slice(place).starts_with('{') {
        let is_new = !says(inside(text, begin + 1), name);
        return is_new
            .then(|| First::after(text, begin + 1))
            .flatten()
            .map(|entry| entry.insert(name, value, true));
    }
    // A mapping in block style begins with its first key.
    let line = text.get(..begin)?.rfind('\n').map_or(0, |at| at + 1);
    let lead = text.get(line..begin)?;
    if !lead.chars().all(|c| c == ' ' || c == '-') {
        return None;
    }
    Some((begin, format!("{name}: {value}\n{}", " ".repeat(lead.len()))))
}

/// An entry of the mapping that follows a key, or an option of the `HEALTHCHECK` instruction.
fn behind_key(sources: &Sources, place: Place, name: &str, value: &str) -> Option<Insert> {
    let text = sources.file(place.file).text();
    let word = "HEALTHCHECK";
    let at = place.span.start as usize + word.len();
    let is_word = sources.slice(place).get(..word.len());
    let is_instruction = text.get(at..).is_some_and(|rest| rest.starts_with([' ', '\t']));
    if is_instruction && is_word.is_some_and(|found| found.eq_ignore_ascii_case(word)) {
        return Some((at, format!(" --{}={value}", name.replace('_', "-"))));
    }
    let end = place.span.end as usize;
    let rest = text.get(end..)?;
    let rest = rest.trim_start_matches(['"', '\'']).strip_prefix(':')?;
    let begin = text.len() - rest.len();
    let inline = rest.trim_start_matches(' ');
    if inline.starts_with('{') {
        let open = text.len() - inline.len() + 1;
        return Some(First::after(text, open)?.insert(name, value, true));
    }
    // Block style: the first entry tells the indentation. An anchor or alias is left alone.
    let line_end = rest.find('\n')?;
    let tail = rest[..line_end].trim();
    if !tail.is_empty() && !tail.starts_with('#') {
        return None;
    }
    let line = begin + line_end + 1;
    let entry = First::after(text, begin + line_end)?;
    (entry.on_own_line && !entry.indent.is_empty())
        .then(|| (line, format!("{}{name}: {value}\n", entry.indent)))
}

/// `key: *name` as a mapping that takes the alias in and says one thing itself.
fn over_alias(sources: &Sources, key: Place, name: &str, value: &str) -> Option<FileEdit> {
    let text = sources.file(key.file).text();
    let rest = text.get(key.span.end as usize..)?;
    let rest = rest.trim_start_matches(['"', '\'']).strip_prefix(':')?;
    let alias = rest.trim_start_matches(' ');
    if !alias.starts_with('*') {
        return None;
    }
    let (begin, end) = (text.len() - rest.len(), text.len() - alias.len());
    let line = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let lead = &text[line..key.span.start as usize];
    let indent = lead.chars().all(|c| c == ' ').then(|| " ".repeat(lead.len() + 2))?;
    let place = Place { file: key.file, span: Span::new(begin, end) };
    Some(edit(place, format!("\n{indent}{name}: {value}\n{indent}<<: ")))
}

/// A block of its own in front of the first key of a service, for what it has from another.
fn own_block(sources: &Sources, place: Place, written: &Written, value: &str) -> Option<Insert> {
    let block = written.within?;
    let text = sources.file(place.file).text();
    let begin = place.span.start as usize;
    let line = text.get(..begin)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = text.get(line..begin)?;
    indent
        .chars()
        .all(|c| c == ' ')
        .then(|| (begin, format!("{block}:\n{indent}  {}: {value}\n{indent}", written.name)))
}

/// A line in front of the line of a sibling's value.
fn beside(sources: &Sources, place: Place, name: &str, value: &str) -> Option<Insert> {
    let text = sources.file(place.file).text();
    let begin = place.span.start as usize;
    let line = text.get(..begin)?.rfind('\n').map_or(0, |at| at + 1);
    let lead = text.get(line..begin)?;
    let indent = &lead[..lead.len() - lead.trim_start().len()];
    let key = lead.trim().strip_suffix(':')?;
    key.chars().all(char::is_alphanumeric).then(|| (line, format!("{indent}{name}: {value}\n")))
}

/// A startup probe like the liveness probe, in front of it, with a failure threshold of its own.
fn startup_probe(sources: &Sources, place: Place, failures: &str) -> Option<Insert> {
    const KEY: &str = "livenessProbe";
    let text = sources.file(place.file).text();
    let (begin, end) = (place.span.start as usize, place.span.end as usize);
    let key = text.get(..begin)?.rfind(KEY)?;
    let between = text.get(key + KEY.len()..begin)?;
    if !between.trim_start_matches(['"', '\'']).strip_prefix(':')?.trim().is_empty() {
        return None;
    }
    let line = text[..key].rfind('\n').map_or(0, |at| at + 1);
    let lead = &text[line..key];
    // Keys stand in the column of the first one, where that begins its line.
    let own = text.get(text[..begin].rfind('\n').map_or(0, |at| at + 1)..begin)?;
    let column = own.chars().all(|c| c == ' ').then_some(own.len());
    let body = with_threshold(text.get(begin..end)?.trim_end(), failures, column)?;
    let after = if lead.chars().all(|c| c == ' ' || c == '-') {
        format!("\n{}", " ".repeat(lead.len()))
    } else {
        ", ".to_owned()
    };
    Some((key, format!("startupProbe{between}{body}{after}")))
}

/// The text of a probe with another failure threshold.
fn with_threshold(probe: &str, failures: &str, column: Option<usize>) -> Option<String> {
    const NAME: &str = "failureThreshold:";
    if let Some(at) = probe.find(NAME) {
        let rest = &probe[at + NAME.len()..];
        let digits = rest.trim_start();
        let start = probe.len() - digits.len();
        let len = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        return (len > 0).then(|| format!("{}{failures}{}", &probe[..start], &digits[len..]));
    }
    match probe.strip_prefix('{') {
        Some(inner) => Some(format!("{{{NAME} {failures}, {}", inner.trim_start())),
        None => {
            let column = column?;
            Some(format!("{NAME} {failures}\n{}{probe}", " ".repeat(column)))
        }
    }
}

/// The first entry inside braces.
struct First<'a> {
    /// Where it begins.
    at: usize,
    /// Where its line begins.
    line: usize,
    /// Blanks in front of it.
    indent: &'a str,
    /// It does not share its line with the brace.
    on_own_line: bool,
    /// What stands between key and value: ` = `, `: `.
    separator: &'a str,
    /// Keys are quoted.
    quoted: bool,
    /// The line of the entry ends with a comma.
    comma: bool,
    /// Column of the separator's sign, counted from the entry.
    sign: usize,
}

impl<'a> First<'a> {
    fn after(text: &'a str, open: usize) -> Option<Self> {
        let mut at = open;
        loop {
            let rest = text.get(at..)?;
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') && !trimmed.starts_with("//") {
                break;
            }
            at += trimmed.find('\n')?;
        }
        let entry = &text[at..];
        if entry.is_empty() || entry.starts_with('}') {
            return None;
        }
        let line = text[..at].rfind('\n').map_or(0, |found| found + 1);
        let on_own_line = line > open.saturating_sub(1);
        let quoted = entry.starts_with('"');
        let key = entry.find(|c: char| {
            !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || quoted && c == '"')
        })?;
        let rest = &entry[key..];
        let sign = key + (rest.len() - rest.trim_start().len());
        let separator = if entry[sign..].starts_with(':') { ": " } else { " = " };
        let own_line = entry.lines().next().unwrap_or("");
        let indent = if on_own_line { &text[line..at] } else { "" };
        let comma = own_line.trim_end().ends_with(',');
        Some(Self { at, line, indent, on_own_line, separator, quoted, comma, sign })
    }

    /// Puts an entry in front, in the manner of this one. `commas`: entries of a map are divided
    /// by commas where they share a line or where this one ends with one.
    fn insert(&self, name: &str, value: &str, commas: bool) -> Insert {
        let name = if self.quoted { format!("\"{name}\"") } else { name.to_owned() };
        // Terraform's formatter aligns the signs of neighbours.
        let width = if self.separator == " = " { self.sign.saturating_sub(1) } else { 0 };
        let pair = format!("{name:<width$}{}{value}", self.separator);
        if !self.on_own_line {
            return (self.at, format!("{pair}, "));
        }
        let comma = if commas && (self.comma || self.quoted) { "," } else { "" };
        (self.line, format!("{}{pair}{comma}\n", self.indent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(text: &str, (at, new): Insert) -> String {
        format!("{}{new}{}", &text[..at], &text[at..])
    }

    #[test]
    fn entries_follow_the_manner_of_their_neighbours() {
        let case = |text: &str, commas| {
            let open = text.find('{').expect("a brace") + 1;
            inserted(text, First::after(text, open).expect("an entry").insert("grace", "9", commas))
        };
        assert_eq!(case("a {\n  name   = 1\n}\n", false), "a {\n  grace  = 9\n  name   = 1\n}\n");
        assert_eq!(case("a = { b = 1 }", true), "a = { grace = 9, b = 1 }");
        assert_eq!(case("{\n  \"b\": 1\n}", true), "{\n  \"grace\": 9,\n  \"b\": 1\n}");
        assert_eq!(case("a: {b: 1}", true), "a: {grace: 9, b: 1}");
    }

    #[test]
    fn a_startup_probe_is_the_liveness_probe_with_more_patience() {
        let block = "httpGet:\n    path: /up\n  periodSeconds: 10";
        assert_eq!(
            with_threshold(block, "16", Some(2)).as_deref(),
            Some("failureThreshold: 16\n  httpGet:\n    path: /up\n  periodSeconds: 10")
        );
        assert_eq!(
            with_threshold("{tcpSocket: {port: 1}}", "16", None).as_deref(),
            Some("{failureThreshold: 16, tcpSocket: {port: 1}}")
        );
        assert_eq!(
            with_threshold("a: 1\n  failureThreshold: 3\n  b: 2", "16", Some(2)).as_deref(),
            Some("a: 1\n  failureThreshold: 16\n  b: 2")
        );
    }
}
