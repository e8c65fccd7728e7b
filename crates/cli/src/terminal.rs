//! What the terminal can show.

use std::io::{self, IsTerminal as _};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use wonin_report::text::Layout;

/// Columns where the output is no terminal.
const WIDTH_DEFAULT: usize = 100;

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

/// Standard output's abilities, and the user's wishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    layout: Layout,
    draws_progress: bool,
}

impl Terminal {
    /// Looks at the terminal and the environment once.
    pub(crate) fn new(colour: Colour, width: Option<u16>) -> Self {
        let choice = match colour {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        };
        choice.write_global();
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let seen = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
        let width = width.or(seen.map(|width| width.clamp(40, 160)));
        let width = width.map_or(WIDTH_DEFAULT, usize::from);
        Self { layout: Layout { width, colour }, draws_progress: io::stderr().is_terminal() }
    }

    /// The layout for standard output.
    pub(crate) fn layout(self) -> Layout {
        self.layout
    }

    /// The layout for a file.
    pub(crate) fn layout_of_file(self) -> Layout {
        Layout { colour: false, ..self.layout }
    }

    /// Whether progress may be drawn on standard error.
    pub(crate) fn draws_progress(self) -> bool {
        self.draws_progress
    }
}
