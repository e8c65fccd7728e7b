//! Gradle's build scripts (Groovy and Kotlin) and `gradle.properties`, read line by line.

use wonin_model::Located;
use wonin_text::FileId;

use super::{BuildFile, SPRING_BOOT, place};

/// Words that make the text before `=` more than a variable's name.
const DECLARING: &[&str] = &["def", "val", "var", "final", "const", "String"];

pub(super) fn read(file: FileId, text: &str) -> BuildFile {
    let mut build = BuildFile::default();
    let mut start = 0;
    let mut in_comment = false;
    for line in text.split_inclusive('\n') {
        let code = without_comment(line, &mut in_comment);
        self::line(file, start, code, &mut build);
        start += line.len();
    }
    build
}

/// What remains of a line without its comment; comments over several lines blank whole lines.
fn without_comment<'l>(line: &'l str, in_comment: &mut bool) -> &'l str {
    if *in_comment {
        *in_comment = !line.contains("*/");
        return "";
    }
    let trimmed = line.trim_start();
    if trimmed.starts_with("/*") {
        *in_comment = !line.contains("*/");
        return "";
    }
    if trimmed.starts_with('#') {
        return "";
    }
    // `//` inside quotes is part of an address.
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '/') if line[at..].starts_with("//") => return &line[..at],
            _ => {}
        }
    }
    line
}

fn line(file: FileId, start: usize, code: &str, build: &mut BuildFile) {
    variable(file, start, code, build);
    let strings = strings(code);
    if strings.iter().any(|(_, text)| *text == "org.springframework.boot")
        && let Some((at, version)) = version_word(code)
    {
        build.version(SPRING_BOOT, located(file, start + at, version));
    }
    for (at, text) in strings {
        let mut parts = text.splitn(3, ':');
        let (Some(group), Some(artifact)) = (parts.next(), parts.next()) else { continue };
        if group.is_empty() || !is_name(group) || !is_name(artifact) {
            continue;
        }
        let library = format!("{group}:{artifact}");
        if let Some(version) = parts.next() {
            let version = version.split([':', '@']).next().unwrap_or(version);
            let at = start + at + library.len() + 1;
            if group == "org.springframework.boot" {
                build.version(SPRING_BOOT, located(file, at, version));
            }
            build.version(&library, located(file, at, version));
        }
        build.dependencies.insert(library);
    }
}

/// `name = "value"`, `set("name", "value")`, and `name=value` of `gradle.properties`.
fn variable(file: FileId, start: usize, code: &str, build: &mut BuildFile) {
    let strings = strings(code);
    if let (true, [(_, name), (at, value), ..]) = (code.contains("set("), &strings[..]) {
        build.variables.insert((*name).to_owned(), located(file, start + at, value));
    }
    let Some((before, after)) = code.split_once('=') else { return };
    let before = before.trim_end_matches(':').trim();
    let name = before.rsplit(|c: char| c.is_whitespace() || c == '{').next().unwrap_or(before);
    let name = name.trim_start_matches("ext.").trim_start_matches("extra");
    let name = name.trim_matches(['[', ']', '"', '\'', '(', ')']);
    if name.is_empty() || !is_name(name) {
        return;
    }
    let value = after.trim();
    let at = code.len() - after.len() + (after.len() - after.trim_start().len());
    if let Some((inner, text)) = self::strings(value).first() {
        build.variables.insert(name.to_owned(), located(file, start + at + inner, text));
    } else if before == name && value.starts_with(|c: char| c.is_ascii_digit()) {
        build.variables.insert(name.to_owned(), located(file, start + at, value));
    }
}

/// The text after the word `version`: a quoted one, or the name of a variable as `$name`.
fn version_word(code: &str) -> Option<(usize, &str)> {
    let from = code.find("version")? + "version".len();
    let rest = &code[from..];
    if let Some((at, text)) = strings(rest).first() {
        return Some((from + at, text));
    }
    let lead = rest.len() - rest.trim_start_matches([' ', '(', ':']).len();
    let name = rest[lead..].split(|c: char| !(c.is_alphanumeric() || "._".contains(c))).next()?;
    (!name.is_empty() && !DECLARING.contains(&name)).then_some((from + lead, name))
}

/// The quoted texts of a line with their offsets.
fn strings(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize)> = None;
    for (at, c) in code.char_indices() {
        match open {
            None if c == '"' || c == '\'' => open = Some((c, at + 1)),
            Some((quote, from)) if quote == c => {
                found.push((from, &code[from..at]));
                open = None;
            }
            _ => {}
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
}

/// A version text; a bare name is kept as it is and looked up as a variable.
fn located(file: FileId, start: usize, text: &str) -> Located<String> {
    Located::written(text.to_owned(), place(file, start, text.len()))
}
