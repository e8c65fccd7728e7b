//! `wonin explain MODE`: one page of the catalogue.

use std::process::ExitCode;

use wonin_model::{ModeMeta, distance};
use wonin_modes::MODES;
use wonin_report::suppress;

use crate::failure::Failure;
use crate::output;

/// Near ids that are named after a typing mistake.
const NEAR_MAX: usize = 3;

/// Print the page of a failure mode
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  wonin explain quorum-without-spare\n  wonin modes      # all ids"
)]
pub(crate) struct Args {
    /// Its id, as in the brackets of a finding
    #[arg(value_name = "MODE")]
    mode: String,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let asked = args.mode.trim().to_ascii_lowercase();
    let meta = all().find(|meta| meta.id == asked).ok_or_else(|| unknown(&asked))?;
    output::print(&format!("{}: {}\n\n{}\n", meta.id, meta.summary, meta.page()))?;
    Ok(ExitCode::SUCCESS)
}

/// The catalogue, and what the command line itself may report.
fn all() -> impl Iterator<Item = &'static ModeMeta> {
    MODES.iter().map(|mode| mode.meta()).chain([&suppress::META])
}

fn unknown(asked: &str) -> Failure {
    let mut near: Vec<(usize, &str)> =
        all().map(|meta| (distance(asked, meta.id), meta.id)).collect();
    near.sort_unstable();
    let close = |(distance, id): &&(usize, &str)| {
        *distance <= asked.len().max(4) / 3 || id.contains(asked) || asked.contains(id)
    };
    let near: Vec<String> =
        near.iter().filter(close).take(NEAR_MAX).map(|(_, id)| format!("`{id}`")).collect();
    let failure = Failure::new(format!("no failure mode is called `{asked}`"));
    if near.is_empty() {
        failure.hint("`wonin modes` lists all of them")
    } else {
        failure.hint(format!("did you mean {}?", near.join(" or ")))
    }
}
