//! Why the command could not do its work, in words for the person who called it.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

/// Could not run.
const EXIT_FAILED: u8 = 2;
/// Ran, and there was nothing to look at.
const EXIT_NOTHING_READ: u8 = 3;

/// What went wrong, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    cause: Option<io::Error>,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// A failure; lowercase, without a period, names in backticks.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, hint: None, exit_code: EXIT_FAILED }
    }

    /// Nothing was there to be read.
    pub(crate) fn nothing_read(what: impl Into<String>) -> Self {
        Self { exit_code: EXIT_NOTHING_READ, ..Self::new(what) }
    }

    /// Names the error behind it.
    pub(crate) fn because(mut self, cause: io::Error) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether whoever reads our output went away: no failure of ours.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The code to end with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// What went wrong and why, and what to do.
    pub(crate) fn into_words(self) -> (String, Option<String>) {
        let what = match &self.cause {
            Some(cause) => format!("{}: {}", self.what, words(cause)),
            None => self.what,
        };
        (what, self.hint)
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        // Where standard error is closed there is nobody left to tell.
        _ = write!(anstream::stderr(), "{self}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\u{1b}[1;31merror\u{1b}[0m: {}", self.what)?;
        if let Some(cause) = &self.cause {
            writeln!(f, "  Caused by: {}", words(cause))?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "\n\u{1b}[1;36mhint\u{1b}[0m: {hint}")?;
        }
        Ok(())
    }
}

/// An error of the operating system without its number, beginning in lower case.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut out = String::new();
    _ = write!(out, "{}{}", first.to_lowercase(), chars.as_str());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_words() {
        assert_eq!(words(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(words(&io::Error::other("Strange")), "strange");
    }
}
