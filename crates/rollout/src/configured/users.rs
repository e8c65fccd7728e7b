//! Who else uses the text that a setting comes from.
//!
//! A value that several things share is not changed for one of them. What counts as a use is read
//! from the text itself: references of Terraform, aliases of YAML.

use wonin_model::{Inheritance, Inherited};
use wonin_text::{Place, Sources};

/// Why a value that is inherited cannot be changed where it stands, for this service alone; `None`
/// when nothing else uses it.
pub(super) fn shared(sources: &Sources, inherited: &Inherited) -> Option<String> {
    match inherited.how {
        Inheritance::Override | Inheritance::Image => None,
        Inheritance::Reference => {
            inherited.via.iter().find_map(|via| reference(sources, *via)).or_else(|| {
                let inner =
                    inherited.via.iter().all(|via| same_directory(sources, *via, inherited));
                inner.then(|| module_calls(sources, inherited.place)).flatten()
            })
        }
        Inheritance::Alias => inherited.via.iter().find_map(|via| alias(sources, *via)),
        Inheritance::Extends => Some("it is the value of the service that is extended".to_owned()),
        Inheritance::EnvFile => Some("it stands in a file of variables".to_owned()),
    }
}

fn path_of(sources: &Sources, place: Place) -> &str {
    sources.file(place.file).path()
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn is_terraform(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "tf")
}

fn same_directory(sources: &Sources, via: Place, inherited: &Inherited) -> bool {
    let of = |place| directory(path_of(sources, place));
    of(via) == of(inherited.place)
}

/// Whether a byte can be part of a name.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Offsets of a text that does not go on as a name, before or behind.
fn words(text: &str, word: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let stands_alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let behind = bytes.get(at + word.len());
        !before.is_some_and(|&b| is_word(b) || b == b'.') && !behind.is_some_and(|&b| is_word(b))
    };
    text.match_indices(word).map(|(at, _)| at).filter(stands_alone).collect()
}

/// `var.grace` and `local.check.interval` count by their first two names: who takes the whole object
/// takes its parts. Comments count as well, which errs on the safe side.
fn reference(sources: &Sources, via: Place) -> Option<String> {
    let text = sources.slice(via).trim_matches(['"', '$', '{', '}', ' ']);
    let mut names = text.split(['.', '[']);
    let (kind, name) = (names.next()?, names.next()?);
    if kind != "var" && kind != "local" {
        return None;
    }
    let part = names.next().filter(|part| !part.is_empty());
    let whole = format!("{kind}.{name}");
    let key = part.map_or_else(|| whole.clone(), |part| format!("{whole}.{part}"));
    let dir = directory(path_of(sources, via));
    let mut uses = Vec::new();
    for (_, file) in sources.iter() {
        let path = file.path();
        if directory(path) != dir || !is_terraform(path) {
            continue;
        }
        for at in words(file.text(), &whole) {
            let behind = &file.text()[at + whole.len()..];
            let other_part = part.is_some()
                && behind.starts_with('.')
                && words(&file.text()[at..], &key).first() != Some(&0);
            if !other_part {
                uses.push(format!("{path}:{}", file.position(at).line));
            }
        }
    }
    (uses.len() > 1).then(|| format!("`{key}` is used in {} places ({})", uses.len(), few(&uses)))
}

fn few(uses: &[String]) -> String {
    const SHOWN: usize = 3;
    let more = uses.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", uses[..uses.len().min(SHOWN)].join(", "))
}

/// A default inside a module counts for each call of the module.
fn module_calls(sources: &Sources, place: Place) -> Option<String> {
    let dir = directory(path_of(sources, place)).to_owned();
    let mut calls = Vec::new();
    for (_, file) in sources.iter().filter(|(_, file)| is_terraform(file.path())) {
        let text = file.text();
        for at in words(text, "source") {
            let behind = text[at + "source".len()..].trim_start();
            let quoted = behind.strip_prefix('=').map(str::trim_start).and_then(|rest| {
                let rest = rest.strip_prefix('"')?;
                rest.split('"').next()
            });
            let Some(local) = quoted.filter(|source| source.starts_with('.')) else { continue };
            if joined(directory(file.path()), local).as_deref() == Some(&dir) {
                calls.push(format!("{}:{}", file.path(), file.position(at).line));
            }
        }
    }
    (calls.len() > 1)
        .then(|| format!("the module `{dir}` is called {} times ({})", calls.len(), few(&calls)))
}

/// A relative path in a directory, without `.` and `..`.
fn joined(dir: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// An anchor that one alias alone uses, and that stands where nothing else reads it (`x-…`), is as
/// good as a value of one's own.
fn alias(sources: &Sources, via: Place) -> Option<String> {
    let name = sources.slice(via).trim().strip_prefix('*')?;
    let file = sources.file(via.file);
    let text = file.text();
    let line = |at: usize| format!("{}:{}", file.path(), file.position(at).line);
    let signed = |sign: char| {
        let word = format!("{sign}{name}");
        text.match_indices(&word)
            .map(|(at, _)| at)
            .filter(|at| !text.as_bytes().get(at + word.len()).is_some_and(|&b| is_word(b)))
            .collect::<Vec<usize>>()
    };
    let mut uses: Vec<String> = signed('*').into_iter().map(line).collect();
    let own = signed('&').first().filter(|&&at| !is_extension(text, at)).map(|&at| line(at));
    uses.extend(own);
    (uses.len() > 1).then(|| format!("`&{name}` is used in {} places ({})", uses.len(), few(&uses)))
}

/// Whether the top-level key above an offset begins with `x-`.
fn is_extension(text: &str, at: usize) -> bool {
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let top = text[..end].lines().rev().find(|line| {
        line.bytes().next().is_some_and(|first| !first.is_ascii_whitespace() && first != b'#')
    });
    top.is_some_and(|line| line.trim_start_matches(['"', '\'']).starts_with("x-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_text::{SourceFile, Span};

    /// The first occurrence of a text in a file.
    fn place(sources: &Sources, path: &str, word: &str) -> Place {
        let file = sources.by_path(path).unwrap();
        let at = sources.file(file).text().find(word).unwrap();
        Place { file, span: Span::new(at, at + word.len()) }
    }

    fn sources(files: &[(&str, &str)]) -> Sources {
        let mut sources = Sources::default();
        for (path, text) in files {
            sources.add(SourceFile::new(*path, *text));
        }
        sources
    }

    #[test]
    fn references_are_counted_by_their_parts() {
        let one = sources(&[("main.tf", "a = var.grace\nb = var.grace_other\nc = local.x.y\n")]);
        assert_eq!(reference(&one, place(&one, "main.tf", "var.grace")), None);
        assert_eq!(reference(&one, place(&one, "main.tf", "local.x.y")), None);
        let two = sources(&[
            ("main.tf", "a = var.grace\n"),
            ("b.tf", "b = \"${var.grace}s\"\n"),
            ("other/b.tf", "b = var.grace\n"),
        ]);
        let why = reference(&two, place(&two, "main.tf", "var.grace")).unwrap();
        assert_eq!(why, "`var.grace` is used in 2 places (main.tf:1, b.tf:1)");
        let whole =
            sources(&[("main.tf", "a = var.check.interval\nb = var.check.path\nc = var.check\n")]);
        let why = reference(&whole, place(&whole, "main.tf", "var.check.interval")).unwrap();
        assert!(why.contains("main.tf:1, main.tf:3"), "{why}");
    }

    #[test]
    fn anchors_of_extensions_have_no_user_of_their_own() {
        let text = "x-check: &check\n  retries: 3\nservices:\n  a:\n    healthcheck: *check\n";
        let one = sources(&[("compose.yml", text)]);
        assert_eq!(alias(&one, place(&one, "compose.yml", "*check")), None);
        let text = "services:\n  a:\n    healthcheck: &check\n      retries: 3\n  b:\n    healthcheck: *check\n";
        let two = sources(&[("compose.yml", text)]);
        let why = alias(&two, place(&two, "compose.yml", "*check")).unwrap();
        assert_eq!(why, "`&check` is used in 2 places (compose.yml:6, compose.yml:3)");
    }

    #[test]
    fn a_module_that_is_called_twice_shares_its_defaults() {
        let two = sources(&[
            (
                "main.tf",
                "module \"a\" {\n  source = \"./modules/api\"\n}\nmodule \"b\" {\n  source = \"./modules/api\"\n}\n",
            ),
            ("modules/api/main.tf", "variable \"grace\" { default = 15 }\n"),
        ]);
        let why = module_calls(&two, place(&two, "modules/api/main.tf", "15")).unwrap();
        assert_eq!(why, "the module `modules/api` is called 2 times (main.tf:2, main.tf:5)");
    }
}
