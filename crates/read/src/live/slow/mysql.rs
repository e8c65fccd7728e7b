//! The slow query log of MySQL and MariaDB: blocks of comment lines with a statement behind them.
//!
//! MySQL writes the time of the end into `# Time:`, with microseconds since 8.0. MariaDB writes the
//! time of the begin, in whole seconds, and only where it differs from that of the block before.

use super::summary::Summary;
use super::{Event, TimeIs, seconds_us, template, time_us};
use crate::live::LineReader;
use crate::live::found::{Found, beginning};

const STATEMENT_BYTES_MAX: usize = 8 << 10;

/// Whether a text begins like such a log.
pub(super) fn accepts(head: &str) -> bool {
    head.contains("\n# Query_time: ")
        || head.contains("\n# User@Host: ")
        || head.lines().take(5).any(|line| {
            line.starts_with("Time ") && line.contains("Id Command") && line.contains("Argument")
        })
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Mysql {
    summary: Summary,
    time_us: Option<i64>,
    block: Option<Block>,
}

impl Default for Mysql {
    fn default() -> Self {
        Self { summary: Summary::new("mysql", TimeIs::End), time_us: None, block: None }
    }
}

#[derive(Debug, Default)]
struct Block {
    line: u64,
    shown: String,
    client: Option<String>,
    query_us: Option<u64>,
    lock_us: Option<u64>,
    rows: Option<(u64, u64)>,
    timestamp_us: Option<i64>,
    statement: String,
}

impl LineReader for Mysql {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        if let Some(time) = text.strip_prefix("# Time: ") {
            self.end();
            self.time_us = time_us(time.trim()).map(|(us, _)| us);
        } else if let Some(user) = text.strip_prefix("# User@Host: ") {
            self.end();
            self.block = Some(Block { client: Some(client(user)), ..Block::default() });
        } else if text.starts_with("# Thread_id: ") {
            self.summary.set_time_is(TimeIs::Begin);
        } else if let Some(numbers) = text.strip_prefix("# Query_time: ") {
            let block = self.block.get_or_insert_default();
            block.line = number;
            beginning(text, 512).clone_into(&mut block.shown);
            block.query_us = numbers.split_whitespace().next().and_then(seconds_us);
            let value =
                |name: &str| numbers.split_whitespace().skip_while(|word| *word != name).nth(1);
            let count = |name: &str| value(name)?.parse::<u64>().ok();
            block.lock_us = value("Lock_time:").and_then(seconds_us);
            block.rows = count("Rows_examined:").zip(count("Rows_sent:"));
        } else if !text.starts_with('#') {
            self.statement(text);
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.end();
        self.summary.finish(found);
    }
}

impl Mysql {
    fn statement(&mut self, text: &str) {
        let Some(block) = self.block.as_mut().filter(|block| block.query_us.is_some()) else {
            return;
        };
        let is_first = block.statement.is_empty();
        if is_first && let Some(stamp) = text.strip_prefix("SET timestamp=") {
            let digits = stamp.trim_end_matches(';');
            block.timestamp_us = seconds_us(digits).and_then(|us| i64::try_from(us).ok());
        } else if is_first && text.starts_with("use ") && text.ends_with(';') {
            // The database is of no interest.
        } else if text.ends_with("started with:") {
            // A banner of a server that was started again.
            self.end();
        } else if block.statement.len() < STATEMENT_BYTES_MAX {
            if !is_first {
                block.statement.push('\n');
            }
            block.statement.push_str(beginning(text, STATEMENT_BYTES_MAX));
        }
    }

    fn end(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        let Some(duration_us) = block.query_us.filter(|_| !block.statement.is_empty()) else {
            return;
        };
        self.summary.add(&Event {
            template: template::statement(&block.statement),
            client: block.client.as_deref(),
            at_us: self.time_us.or(block.timestamp_us),
            duration_us,
            lock_us: block.lock_us,
            rows: block.rows,
            line: block.line,
            text: &block.shown,
        });
    }
}

/// `shop@10.0.0.7` of `shop[shop] @ app.local [10.0.0.7]  Id: 12`.
fn client(text: &str) -> String {
    let user = text.split('[').next().unwrap_or("").trim();
    let host = text.split_once(" @ ").map_or("", |(_, host)| host);
    let address = host.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let address = address.map(|(address, _)| address).filter(|address| !address.is_empty());
    let name = host.split('[').next().unwrap_or("").trim();
    format!("{user}@{}", address.unwrap_or(name))
}
