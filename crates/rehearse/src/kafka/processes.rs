//! Processes that were started again run under another id: they are found by their command line.

use std::collections::BTreeMap;
use std::fs;

use super::scenarios::{Node, Reach};

/// The command lines of brokers that are processes.
#[derive(Debug)]
pub(super) struct Processes {
    commands: BTreeMap<i32, Vec<u8>>,
}

impl Processes {
    pub(super) fn of(nodes: &[Node]) -> Self {
        let command = |node: &Node| match node.reach {
            Reach::Process { pid } => Some((node.id, command(pid)?)),
            _ => None,
        };
        Self { commands: nodes.iter().filter_map(command).collect() }
    }

    /// The nodes with the ids that their processes have now. One that is not found keeps its old
    /// id, so that the fault on it says that there is no such process.
    pub(super) fn found_again(&self, nodes: &[Node]) -> Vec<Node> {
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            let (Reach::Process { pid }, Some(wanted)) =
                (&mut node.reach, self.commands.get(&node.id))
            else {
                continue;
            };
            if command(*pid).as_ref() != Some(wanted)
                && let Some(found) = all().find(|one| command(*one).as_ref() == Some(wanted))
            {
                *pid = found;
            }
        }
        nodes
    }
}

/// The command line of a process that runs.
fn command(pid: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|line| !line.is_empty())
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
