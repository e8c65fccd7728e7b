//! Answers, in the formats and to the places asked for.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use wonin_report::text::Layout;
use wonin_report::{View, github, html, json, junit, sarif, text};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// The formats by name.
const FORMATS: [(&str, Format); 6] = [
    ("text", Format::Text),
    ("json", Format::Json),
    ("sarif", Format::Sarif),
    ("junit", Format::Junit),
    ("github", Format::Github),
    ("html", Format::Html),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Sarif,
    Junit,
    Github,
    Html,
}

/// `json` or `json=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) format: Format,
    file: Option<PathBuf>,
}

impl Target {
    /// Text on standard output.
    pub(crate) fn text() -> Self {
        Self { format: Format::Text, file: None }
    }

    /// Whether it is text for a person on standard output.
    pub(crate) fn is_screen(&self) -> bool {
        self.format == Format::Text && self.file.is_none()
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let (name, file) = match given.split_once('=') {
            Some((_, "")) => return Err("a file name must follow `=`".to_owned()),
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (given, None),
        };
        let format = FORMATS.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        let format = format.ok_or_else(|| {
            let known: Vec<String> =
                FORMATS.iter().map(|(known, _)| format!("`{known}`")).collect();
            format!("must be one of {}, alone or followed by `=FILE`", known.join(", "))
        })?;
        Ok(Self { format, file })
    }
}

/// Where the answer goes: what was asked for, else text on standard output. Refuses two formats on
/// one standard output.
pub(crate) fn targets(given: &[Target]) -> Result<Vec<Target>, Failure> {
    let targets = if given.is_empty() { vec![Target::text()] } else { given.to_vec() };
    if targets.iter().filter(|target| target.file.is_none()).count() > 1 {
        return Err(Failure::new("several formats would mix on standard output")
            .hint("give all but one a file: `--format text --format json=diagnosis.json`"));
    }
    for file in targets.iter().filter_map(|target| target.file.as_deref()) {
        may_be_written(file)?;
    }
    Ok(targets)
}

/// Refuses a place where no file can be: what is to be written may be the work of minutes.
fn may_be_written(file: &Path) -> Result<(), Failure> {
    let cannot = |why: &str| {
        Failure::new(format!("cannot write `{}`", file.display())).because(io::Error::other(why))
    };
    if file.is_dir() {
        return Err(cannot("it is a directory").hint("give the name of a file in it"));
    }
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() && !dir.is_dir() => {
            Err(cannot(&format!("there is no directory `{}`", dir.display())).hint("make it first"))
        }
        _ => Ok(()),
    }
}

/// The same for an answer that has no other than the `allowed` formats; `what` it is.
pub(crate) fn targets_among(
    given: &[Target],
    allowed: &[Format],
    what: &str,
) -> Result<Vec<Target>, Failure> {
    let targets = targets(given)?;
    if targets.iter().all(|target| allowed.contains(&target.format)) {
        return Ok(targets);
    }
    let known = FORMATS.iter().filter(|(_, format)| allowed.contains(format));
    let names: Vec<String> = known.map(|(name, _)| format!("`{name}`")).collect();
    let (last, rest) = names.split_last().expect("every answer has a format");
    Err(Failure::new(format!("{what} is shown as {} or {last} alone", rest.join(", "))))
}

/// Writes the view to every target.
pub(crate) fn write(view: &View, targets: &[Target], terminal: Terminal) -> Result<(), Failure> {
    write_with(targets, terminal, |format, layout| match format {
        Format::Text => text::render(view, layout),
        Format::Json => json::render(view),
        Format::Sarif => sarif::render(view, env!("CARGO_PKG_VERSION")),
        Format::Junit => junit::render(view),
        Format::Github => github::render(view),
        Format::Html => html::render(view),
    })
}

/// Writes what `render` makes to every target.
pub(crate) fn write_with(
    targets: &[Target],
    terminal: Terminal,
    render: impl Fn(Format, Layout) -> String,
) -> Result<(), Failure> {
    for target in targets {
        let layout = match target.file {
            Some(_) => terminal.layout_of_file(),
            None => terminal.layout(),
        };
        let out = render(target.format, layout);
        match &target.file {
            Some(file) => fs::write(file, out).map_err(|cause| {
                Failure::new(format!("cannot write `{}`", file.display())).because(cause)
            })?,
            None => print(&out)?,
        }
    }
    Ok(())
}

/// Prints to standard output as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::new("cannot write to standard output").because(cause))
}

/// Tells the person something beside the answer.
pub(crate) fn tell(text: &str) {
    // Where standard error is closed there is nobody to tell.
    _ = writeln!(anstream::stderr(), "{text}");
}
