//! Thread dumps of `jcmd PID Thread.dump_to_file` in its plain form: virtual threads are in it, and
//! before JDK 24 no states.

use wonin_model::{Thread, ThreadDump};

use super::stacks::{self, Stacks};
use super::text::is_of_the_machine;
use super::{THREADS_MAX, VIRTUAL};
use crate::live::LineReader;
use crate::live::found::Found;
use crate::log::time;

/// Whether a text begins with such a dump: its process, its time, and threads.
pub(in crate::live) fn accepts(head: &str) -> bool {
    let is_number = |line: &str| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
    head.lines().next().is_some_and(is_number)
        && head.lines().take(20).any(|line| Header::of(line).is_some())
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(in crate::live) struct Plain {
    process: Option<String>,
    at_ms: Option<i64>,
    dump: Option<ThreadDump>,
    thread: Option<(Thread, Vec<String>)>,
    stacks: Stacks,
    threads: usize,
}

impl LineReader for Plain {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        if let Some(header) = Header::of(text) {
            self.end_thread();
            self.threads += 1;
            if self.threads <= THREADS_MAX {
                self.begin(number, text, &header, found);
            }
        } else if let Some((_, stack)) = &mut self.thread {
            let frame = text.trim();
            if !frame.is_empty() && stack.len() < Thread::FRAMES_MAX {
                stack.push(stacks::frame(frame));
            }
        } else if self.process.is_none() {
            self.process = Some(text.trim().to_owned());
        } else if self.at_ms.is_none() {
            let stamp = time::parse(text.trim().as_bytes(), time::Base::default());
            self.at_ms = stamp.map(|stamp| stamp.ms);
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.end_thread();
        if self.threads > THREADS_MAX {
            found.problems.push(format!("more than {THREADS_MAX} threads; the rest was left out"));
        }
        found.formats.extend(self.dump.is_some().then_some("thread-dump"));
        found.dumps.extend(self.dump);
    }
}

impl Plain {
    fn begin(&mut self, number: u64, line: &str, header: &Header<'_>, found: &mut Found) {
        let place = found.kept.keep(number, line, 0..line.len());
        self.dump.get_or_insert_with(|| ThreadDump {
            place,
            format: "jcmd-plain",
            at_ms: self.at_ms,
            process: self.process.clone(),
            threads: Vec::new(),
            deadlocks: Vec::new(),
        });
        let name = if header.is_virtual && header.name.is_empty() { VIRTUAL } else { header.name };
        let thread = Thread {
            name: name.to_owned(),
            id: Some(header.id.to_owned()),
            place,
            state: header.state.map(str::to_owned),
            stack: std::sync::Arc::default(),
            waits_for: None,
            waits_for_thread: None,
            waits_on: None,
            holds: Vec::new(),
            cpu_ms: None,
            is_internal: false,
            is_virtual: header.is_virtual,
        };
        self.thread = Some((thread, Vec::new()));
    }

    fn end_thread(&mut self) {
        let Some((mut thread, stack)) = self.thread.take() else {
            return;
        };
        thread.is_internal = stack.is_empty() && is_of_the_machine(&thread.name);
        thread.stack = self.stacks.share(stack);
        if let Some(dump) = &mut self.dump {
            dump.threads.push(thread);
        }
    }
}

/// The first line of a thread: `#22 "name" virtual WAITING 2025-04-11T10:00:00Z`.
struct Header<'a> {
    id: &'a str,
    name: &'a str,
    is_virtual: bool,
    state: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (id, rest) = line.strip_prefix('#')?.split_once(" \"")?;
        let (name, behind) = rest.rsplit_once('"')?;
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let is_state = |word: &&str| {
            word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        is_id.then(|| Self {
            id,
            name,
            is_virtual: behind.split_whitespace().any(|word| word == "virtual"),
            state: behind.split_whitespace().find(is_state),
        })
    }
}
