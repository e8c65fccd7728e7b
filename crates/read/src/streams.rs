//! Files that may be as long as they like: each is opened once and goes by line by line, past those
//! who look for what was found running and past the reader of logs. A pipe cannot be read twice,
//! and what is packed need not be unpacked twice.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::log::lines::{Lines, unpack};
use crate::log::{LogReader, Told, answers, kind};
use crate::pipeline::{Files, Joining};
use crate::{live, log};

/// What each of them found in one file.
struct Outcome {
    live: live::Outcome,
    /// The events of an orchestrator's answer.
    answer: Option<Told>,
    log: log::Outcome,
}

/// Who wants a file.
#[derive(Clone, Copy)]
struct Wanted {
    live: bool,
    answer: bool,
    log: bool,
}

impl Wanted {
    fn by_anyone(self) -> bool {
        self.live || self.answer || self.log
    }
}

/// Reads all that the walk found and no format of configuration has understood, and what answers of
/// orchestrators hold, whoever else has read these.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let files = joining.files();
    let wanted = files.paths().iter().map(|path| {
        let wanted = Wanted {
            live: live::is_candidate(joining, path),
            answer: answers::is_candidate(path),
            log: log::is_candidate(joining, path),
        };
        (path.as_str(), wanted)
    });
    let wanted: Vec<(&str, Wanted)> = wanted.filter(|(_, wanted)| wanted.by_anyone()).collect();
    let outcomes: Vec<(&str, Outcome)> =
        wanted.into_par_iter().map(|(path, wanted)| (path, read(files, path, wanted))).collect();
    let (mut found, mut answers, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (path, outcome) in outcomes {
        found.push((path, outcome.live));
        answers.extend(outcome.answer.map(|answer| (path, answer)));
        told.push((path, outcome.log));
    }
    live::join(joining, found);
    log::join(joining, answers, told);
}

fn read(files: &dyn Files, path: &str, wanted: Wanted) -> Outcome {
    let mut outcome = Outcome { live: Ok(None), answer: None, log: Err(None) };
    let mut lines = match files.open(path).and_then(unpack) {
        Ok(source) => Lines::new(source),
        // What cannot be opened and need not be a log is left to others to complain of.
        Err(why) => {
            let is_sure = wanted.log && kind::by_name(path) == kind::Name::Log;
            outcome.log = Err(is_sure.then_some(why));
            return outcome;
        }
    };
    let head = String::from_utf8_lossy(lines.head()).into_owned();
    let is_text = !kind::is_binary(lines.head());
    if wanted.answer
        && let Some(form) = answers::form(&head)
    {
        let bytes = lines.whole(answers::ANSWER_BYTES_MAX + 1);
        if lines.failure.is_none() {
            outcome.answer = answers::read(form, path, &bytes);
        }
        lines = lines.again(bytes);
    }
    let mut running = None;
    if wanted.live && is_text {
        if let Some(whole) = live::whole(path, &head) {
            let bytes = lines.whole(live::WHOLE_BYTES_MAX + 1);
            outcome.live = lines.failure.clone().map_or_else(|| whole.read(&bytes), Err);
            if matches!(outcome.live, Ok(Some(_))) {
                return outcome;
            }
            lines = lines.again(bytes);
        } else if !live::is_yaml(path) {
            running = live::ByLine::new(path, &head);
        }
    }
    let log = if wanted.log { log::begin(path, &mut lines) } else { Err(None) };
    let (found, told) = pass(&mut lines, running, log);
    if found.is_some() {
        outcome.live = Ok(found);
    }
    Outcome { log: told, ..outcome }
}

/// Lets all lines go by.
fn pass(
    lines: &mut Lines,
    mut running: Option<live::ByLine>,
    mut log: Result<LogReader, Option<String>>,
) -> (Option<live::Found>, log::Outcome) {
    let mut not_utf8 = 0;
    while running.is_some() || log.is_ok() {
        let Some(line) = lines.next() else {
            break;
        };
        let text = match std::str::from_utf8(line.bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                not_utf8 += 1;
                String::from_utf8_lossy(line.bytes)
            }
        };
        if let Some(running) = &mut running {
            running.line(line.number, &text);
        }
        if let Ok(log) = &mut log {
            log.line(line.number, &text);
        }
    }
    (running.and_then(live::ByLine::finish), log.map(|log| log.finish(lines, not_utf8)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Mutex;

    use crate::{Files, read};

    /// One file that can be opened once, like a pipe.
    struct Pipe {
        paths: Vec<String>,
        text: Mutex<Option<String>>,
    }

    impl Pipe {
        fn new(path: &str, text: String) -> Self {
            Self { paths: vec![path.to_owned()], text: Mutex::new(Some(text)) }
        }
    }

    impl Files for Pipe {
        fn paths(&self) -> &[String] {
            &self.paths
        }

        fn load(&self, _: &str) -> Result<String, String> {
            Err("a pipe".to_owned())
        }

        fn open(&self, path: &str) -> Result<Box<dyn Read + Send>, String> {
            let text = self.text.lock().unwrap().take().unwrap_or_else(|| panic!("{path} again"));
            Ok(Box::new(std::io::Cursor::new(text)))
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end_by_all_who_want_it() {
        let line = |number: u32| {
            format!(
                "2024-06-01 12:{:02}:{:02} WARN slow query (1204 ms): select from usage where id={number}\n",
                number / 60 % 60,
                number % 60
            )
        };
        let text: String = (0..3000).map(line).collect();
        let evidence = read(&Pipe::new("stdin.log", text));
        assert_eq!(evidence.logs.iter().map(|log| log.lines).sum::<u64>(), 3000);
        assert_eq!(evidence.slow.iter().map(|slow| slow.count).sum::<u64>(), 3000);
    }

    #[test]
    fn a_whole_file_that_holds_nothing_is_still_a_log() {
        let mut text = String::from("{\"threads\":[],\"threadName\":0}\n");
        let line = |second: u32| {
            format!(
                "{{\"time\":\"2024-06-01T12:00:{second:02}Z\",\"level\":\"error\",\"msg\":\"no\"}}\n"
            )
        };
        text.extend((0..50).map(line));
        let evidence = read(&Pipe::new("a.log", text));
        assert_eq!(evidence.logs.iter().map(|log| log.lines).sum::<u64>(), 51);
    }
}
