//! Gradle's version catalogue, `libs.versions.toml`, read line by line.

use wonin_model::Located;
use wonin_text::FileId;

use super::{BuildFile, SPRING_BOOT, place};

pub(super) fn read(file: FileId, text: &str) -> BuildFile {
    let mut build = BuildFile::default();
    let mut table = "";
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start();
        if let Some(header) = code.strip_prefix('[') {
            table = header.split(']').next().unwrap_or("");
        } else if !code.starts_with('#') {
            entry(file, start, line, table, &mut build);
        }
        start += line.len();
    }
    build
}

fn entry(file: FileId, start: usize, line: &str, table: &str, build: &mut BuildFile) {
    let Some((key, _)) = line.split_once('=') else { return };
    let at = |name: &str| value_of(line, name);
    let version = || {
        if let Some((from, text)) = at("version.ref").or_else(|| at("ref")) {
            return Some(Located::written(
                format!("@{text}"),
                place(file, start + from, text.len()),
            ));
        }
        at("version").map(|(from, text)| {
            Located::written(text.to_owned(), place(file, start + from, text.len()))
        })
    };
    match table {
        "versions" => {
            if let Some((from, text)) = value_of(line, key.trim()) {
                let value =
                    Located::written(text.to_owned(), place(file, start + from, text.len()));
                build.variables.insert(key.trim().to_owned(), value);
            }
        }
        "libraries" => {
            let grouped = || Some(format!("{}:{}", at("group")?.1, at("name")?.1));
            let Some(library) = at("module").map(|(_, m)| m.to_owned()).or_else(grouped) else {
                return;
            };
            if let Some(version) = version() {
                if library.starts_with("org.springframework.boot:") {
                    build.version(SPRING_BOOT, version.clone());
                }
                build.version(&library, version);
            }
        }
        "plugins" if at("id").is_some_and(|(_, id)| id == "org.springframework.boot") => {
            if let Some(version) = version() {
                build.version(SPRING_BOOT, version);
            }
        }
        _ => {}
    }
}

/// The quoted text after `name =`, where `name` is a whole word.
fn value_of<'l>(line: &'l str, name: &str) -> Option<(usize, &'l str)> {
    let mut from = 0;
    while let Some(found) = line.get(from..)?.find(name) {
        let at = from + found;
        from = at + name.len();
        let before = line[..at].chars().next_back();
        let rest = line[from..].trim_start();
        if before.is_none_or(|c| " {,\t".contains(c)) && rest.starts_with('=') {
            let quoted = rest[1..].trim_start();
            let quote = quoted.chars().next().filter(|c| "\"'".contains(*c))?;
            let text = quoted[1..].split(quote).next()?;
            return Some((line.len() - quoted.len() + 1, text));
        }
    }
    None
}
