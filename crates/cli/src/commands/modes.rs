//! `wonin modes`: the catalogue as a list.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;
use wonin_modes::MODES;

use crate::failure::Failure;
use crate::output;
use crate::terminal::Terminal;

/// List the failure modes that wonin knows
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wonin modes\n  wonin modes --format json | jq -r '.modes[].mode'"
)]
pub(crate) struct Args {
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    let text = match args.format {
        Format::Text => table(terminal),
        Format::Json => json(),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn table(terminal: Terminal) -> String {
    let (bold, plain) =
        if terminal.layout().colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let id_len = MODES.iter().map(|mode| mode.meta().id.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut family = "";
    for mode in MODES {
        let meta = mode.meta();
        if meta.family != family {
            let gap = if family.is_empty() { "" } else { "\n" };
            family = meta.family;
            // Writing to a string cannot fail, here and below.
            _ = writeln!(out, "{gap}{bold}{family}{plain}");
        }
        _ = writeln!(out, "  {:id_len$}  {}", meta.id, meta.summary);
    }
    _ = writeln!(out, "\n{} modes; `wonin explain MODE` tells more", MODES.len());
    out
}

fn json() -> String {
    let modes: Vec<serde_json::Value> = MODES
        .iter()
        .map(|mode| {
            let meta = mode.meta();
            serde_json::json!({"mode": meta.id, "family": meta.family, "summary": meta.summary})
        })
        .collect();
    format!("{:#}\n", serde_json::json!({"schema": "wonin.modes/1", "modes": modes}))
}
