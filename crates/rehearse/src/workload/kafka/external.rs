//! Clients in other languages: programs that print a line of JSON for each acknowledgement and each
//! read ([`ExternalSpec`]).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::payload;
use super::recorder::{Recorder, Sent};
use super::spec::{ExternalSpec, RecordsSpec};
use super::worker::{Order, Orders};
use crate::ledger::{During, Outcome, RecordId, outcome_by_name};
use crate::workload::{Attempt, CannotStart};

/// How often is looked whether a program is to end, or has.
const LOOK: Duration = Duration::from_millis(50);

/// How long a program may take to end once its input has.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes of a line that are looked at.
const LINE_MAX: u64 = 1 << 16;

/// One line; exactly one of the first four is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    r#try: Option<u64>,
    ack: Option<u64>,
    fail: Option<u64>,
    read: Option<String>,
    partition: Option<i32>,
    offset: Option<u64>,
    error: String,
    message: String,
}

/// Starts a program; its number in the run is that of its records.
pub(super) fn start(
    external: &ExternalSpec,
    spec: &RecordsSpec,
    recorder: &Recorder,
    group: &str,
    process: u32,
) -> Result<Child, CannotStart> {
    let Some((program, args)) = external.command.split_first() else {
        return Err(CannotStart("a client's command is empty".to_owned()));
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .env("WONIN_BOOTSTRAP", spec.bootstrap.join(","))
        .env("WONIN_TOPIC", recorder.topic())
        .env("WONIN_GROUP", group)
        .env("WONIN_PREFIX", payload::prefix(&recorder.run, process))
        .env("WONIN_RATE", spec.per_second.to_string())
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(dir) = &external.dir {
        command.current_dir(dir);
    }
    command.spawn().map_err(|error| CannotStart(format!("cannot start `{program}`: {error}")))
}

/// Follows a program until it ends or is to end.
pub(super) fn run(mut child: Child, recorder: &Arc<Recorder>, process: u32, orders: &Orders) {
    let errors = child.stderr.take().map(|errors| follow_errors(errors, Arc::clone(recorder)));
    let output = child.stdout.take().map(|output| {
        let mut book = Book { recorder: Arc::clone(recorder), process, open: BTreeMap::new() };
        std::thread::spawn(move || book.follow(output))
    });
    let mut left = GRACE;
    while let Ok(None) = child.try_wait() {
        if orders.now() == Order::Crash || left.is_zero() {
            // It may have ended meanwhile.
            _ = child.kill();
            _ = child.wait();
            break;
        }
        if orders.now() == Order::Finish {
            drop(child.stdin.take());
            left = left.saturating_sub(LOOK);
        }
        std::thread::sleep(LOOK);
    }
    for thread in [errors, output].into_iter().flatten() {
        // A thread that panicked has nothing more to say.
        _ = thread.join();
    }
}

fn follow_errors(
    errors: impl Read + Send + 'static,
    recorder: Arc<Recorder>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for line in lines(errors) {
            recorder.line(&line);
        }
    })
}

/// Lines of bounded length; bytes that are no text are replaced.
fn lines(source: impl Read) -> impl Iterator<Item = String> {
    let mut source = BufReader::new(source);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = source.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).ok()?;
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    })
}

/// A program's records on their way.
struct Book {
    recorder: Arc<Recorder>,
    process: u32,
    open: BTreeMap<u64, (Sent, Attempt)>,
}

impl Book {
    fn follow(&mut self, output: impl Read) {
        for line in lines(output) {
            if let Ok(line) = serde_json::from_str::<Line>(&line) {
                self.note(&line);
            }
        }
        for (_, (sent, attempt)) in std::mem::take(&mut self.open) {
            super::producer::give_up(&self.recorder, super::context::InFlight { sent, attempt });
        }
    }

    fn note(&mut self, line: &Line) {
        if let Some(number) = line.r#try {
            let begun = self.begin(number, line.partition);
            self.open.insert(number, begun);
        } else if let Some(number) = line.ack {
            let (mut sent, attempt) = self.end(number, line.partition);
            sent.partition = line.partition.unwrap_or(sent.partition);
            self.recorder.sent(&sent, Outcome::Ok, line.offset);
            self.recorder.meter().end(attempt, Ok(()));
        } else if let Some(number) = line.fail {
            let (sent, attempt) = self.end(number, line.partition);
            let outcome = outcome_by_name(&line.error, During::Request);
            self.recorder.sent(&sent, outcome, None);
            let text = if line.message.is_empty() { &line.error } else { &line.message };
            self.recorder.meter().end(attempt, Err(text));
        } else if let (Some(value), Some(partition), Some(offset)) =
            (&line.read, line.partition, line.offset)
            && let Some(record) = payload::decode(&self.recorder.run, value.as_bytes())
        {
            let now_us = self.recorder.now_us();
            self.recorder.polled(self.process, now_us, &vec![(partition, offset, record)], &[]);
            self.recorder.backlog();
        }
    }

    fn begin(&self, number: u64, partition: Option<i32>) -> (Sent, Attempt) {
        let record = RecordId { producer: self.process, sequence: number };
        let invoked_us = self.recorder.now_us();
        let sent = Sent { record, partition: partition.unwrap_or(-1), invoked_us };
        (sent, self.recorder.meter().begin())
    }

    fn end(&mut self, number: u64, partition: Option<i32>) -> (Sent, Attempt) {
        self.open.remove(&number).unwrap_or_else(|| self.begin(number, partition))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::ledger::Call;
    use crate::workload::Meter;

    #[test]
    fn lines_of_a_program_become_operations() {
        let meter = Arc::new(Meter::new(Instant::now()));
        let recorder = Arc::new(Recorder::new(meter, "k7".to_owned(), "t".to_owned()));
        let mut book = Book { recorder: Arc::clone(&recorder), process: 0, open: BTreeMap::new() };
        let output = "\
            {\"try\":0}\n\
            starting\n\
            {\"try\":1}\n\
            {\"ack\":0,\"partition\":1,\"offset\":42}\n\
            {\"fail\":1,\"error\":\"TimeoutException\",\"message\":\"too late\"}\n\
            {\"try\":2}\n\
            {\"read\":\"wonin/k7/0/0\",\"partition\":1,\"offset\":42}\n\
            {\"read\":\"somebody's\",\"partition\":1,\"offset\":43}\n";
        book.follow(output.as_bytes());
        let history = recorder.history();
        let sends = history.ops.iter().filter(|op| op.call == Call::Send);
        let outcomes: Vec<_> = sends.map(|op| op.outcome).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Info, Outcome::Info]);
        assert_eq!(history.ops.iter().filter(|op| op.call == Call::Poll).count(), 1);
        assert_eq!(recorder.backlog(), 0);
    }
}
