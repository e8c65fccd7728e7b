//! A command as workload: run again and again, each run an attempt; or a program that runs all the
//! time and tells by its lines what succeeded and what failed.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CannotStart, Context, Meter, Outcome, Pending, Workload};
use crate::command::{Ready, lines};
use crate::said::Said;
use crate::scenario::fields::Fields;
use crate::scenario::{Places, spoken};

/// From one run to the next where the scenario does not say.
const EVERY: Duration = Duration::from_secs(1);
/// How long a run may take where the scenario does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a program has to end when it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// How long is waited before a program that ended is started again.
const AGAIN: Duration = Duration::from_millis(500);
/// Characters of a line that is told as an error.
const LINE_SHOWN: usize = 120;

/// A command as a scenario describes it.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// Program and arguments; may hold placeholders.
    pub command: Vec<String>,
    /// Its directory.
    pub dir: Option<String>,
    /// Added to the environment; values may hold placeholders.
    pub env: Vec<(String, String)>,
    /// How long one run may take.
    pub timeout: Duration,
    /// What its success is told by.
    pub success: Success,
}

/// What tells success.
#[derive(Clone, Debug)]
pub enum Success {
    /// The end of each run.
    Exit {
        /// From the beginning of one run to the next.
        every: Duration,
        /// The exit code that is good.
        code: i32,
        /// What the output must match.
        output: Option<Regex>,
    },
    /// Lines of one long run.
    Lines {
        /// A line like this is a success.
        good: Regex,
        /// A line like this is a failure.
        bad: Option<Regex>,
    },
}

impl CommandSpec {
    pub(crate) fn read(fields: &Fields<'_>) -> Option<Self> {
        let command = fields.need("command", "[\"program\"]", fields.command("command"));
        let dir = fields.text("dir");
        let env = fields.text_table("env").unwrap_or_default();
        let timeout = fields.span_of_time("timeout").unwrap_or(TIMEOUT);
        let good = fields.regex("success_line");
        let bad = fields.regex("failure_line");
        let every = fields.duration("every").unwrap_or(EVERY);
        let code = fields.whole("exit").unwrap_or(0);
        let output = fields.regex("output");
        let success = match good {
            Some(good) => {
                for key in ["every", "exit", "output", "timeout"] {
                    if fields.has(key) {
                        let what = format!(
                            "a program whose lines tell its success runs all the time: `{key}` \
                             does not apply"
                        );
                        fields.wrong(key, what);
                        return None;
                    }
                }
                Success::Lines { good, bad }
            }
            None if bad.is_some() => {
                fields.wrong("failure_line", "`failure_line` needs `success_line` beside it");
                return None;
            }
            None => {
                if every < Duration::from_millis(10) {
                    fields.wrong("every", "`every` must be 10 ms or more");
                    return None;
                }
                let Ok(code) = i32::try_from(code) else {
                    fields.wrong("exit", "`exit` must be an exit code, 0 to 255");
                    return None;
                };
                Success::Exit { every, code, output }
            }
        };
        Some(Self { command: command?, dir, env, timeout, success })
    }

    /// The workload, once addresses are known.
    pub(crate) fn workload(&self, places: &Places, name: &str, said: &Said) -> CommandWorkload {
        let ready = Ready {
            command: self.command.iter().map(|word| places.fill(word)).collect(),
            dir: self.dir.clone(),
            env: places.environment(&self.env),
        };
        CommandWorkload {
            spec: self.clone(),
            ready,
            words: Words { said: said.clone(), name: name.to_owned() },
            meter: None,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}

/// [`CommandSpec`] at work.
#[derive(Debug)]
pub(crate) struct CommandWorkload {
    spec: CommandSpec,
    ready: Ready,
    words: Words,
    meter: Option<Arc<Meter>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Where goes what it writes.
#[derive(Clone, Debug)]
struct Words {
    said: Said,
    name: String,
}

impl CommandWorkload {
    fn begin(&mut self, meter: Arc<Meter>) {
        let (spec, ready, stop) = (self.spec.clone(), self.ready.clone(), self.stop.clone());
        let words = self.words.clone();
        self.tasks.spawn(async move {
            match spec.success {
                Success::Exit { every, code, output } => {
                    let how = Repeat { every, code, output, timeout: spec.timeout };
                    repeat(&ready, &meter, &stop, &how, &words).await;
                }
                Success::Lines { good, bad } => {
                    let note = |line: &str| {
                        words.said.note(&words.name, line);
                        note(line, &meter, &good, bad.as_ref());
                    };
                    listen(&ready, &meter, &stop, note).await;
                }
            }
        });
    }
}

impl Workload for CommandWorkload {
    fn about(&self) -> String {
        let command = self.ready.command.join(" ");
        match &self.spec.success {
            Success::Exit { every, .. } => format!("`{command}` every {}", spoken(*every)),
            Success::Lines { .. } => format!("`{command}`, by its lines"),
        }
    }

    fn start(&mut self, context: Context) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(async move {
            if let Success::Lines { .. } = self.spec.success {
                // One that cannot be started at all is told now.
                let mut trial =
                    self.ready.spawn(Stdio::null(), Stdio::null()).map_err(CannotStart)?;
                trial.end().await;
            }
            self.meter = Some(Arc::clone(&context.meter));
            self.begin(context.meter);
            Ok(())
        })
    }

    fn chill(&mut self) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(async {
            // Where each run is a fresh client there is nothing to do.
            if let (Success::Lines { .. }, Some(meter)) = (&self.spec.success, self.meter.clone()) {
                self.stop.cancel();
                self.tasks.close();
                self.tasks.wait().await;
                self.stop = CancellationToken::new();
                self.tasks = TaskTracker::new();
                self.begin(meter);
            }
            Ok(())
        })
    }

    fn stop(&mut self) -> Pending<'_, Outcome> {
        Box::pin(async {
            self.stop.cancel();
            self.tasks.close();
            self.tasks.wait().await;
            Outcome::default()
        })
    }
}

struct Repeat {
    every: Duration,
    code: i32,
    output: Option<Regex>,
    timeout: Duration,
}

/// Runs it again and again, one at a time.
async fn repeat(
    ready: &Ready,
    meter: &Meter,
    stop: &CancellationToken,
    how: &Repeat,
    words: &Words,
) {
    let mut tick = tokio::time::interval(how.every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let attempt = meter.begin();
        // The last run goes on to its end or its timeout: a run that is cut off tells nothing.
        let said = Some((&words.said, words.name.as_str()));
        let outcome = ready.succeeds(how.timeout, how.code, how.output.as_ref(), said).await;
        meter.end(attempt, outcome.as_ref().copied().map_err(String::as_str));
    }
}

/// Reads its lines; starts it again when it ends, which is a failure.
async fn listen(
    ready: &Ready,
    meter: &Meter,
    stop: &CancellationToken,
    note: impl Fn(&str) + Copy,
) {
    loop {
        let mut running = match ready.spawn(Stdio::piped(), Stdio::piped()) {
            Ok(running) => running,
            Err(why) => {
                let attempt = meter.begin();
                meter.end(attempt, Err(&why));
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(AGAIN) => continue,
                }
            }
        };
        let (out, err) = (running.child.stdout.take(), running.child.stderr.take());
        let all = async { tokio::join!(lines(out, note), lines(err, note), running.child.wait(),) };
        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ((), (), status) = all => Some(status),
        };
        let Some(status) = ended else {
            running.end_gently(GRACE).await;
            return;
        };
        let attempt = meter.begin();
        let code = status.ok().and_then(|status| status.code());
        let why = code.map_or("the program was ended by a signal".to_owned(), |code| {
            format!("the program ended with exit code {code}")
        });
        meter.end(attempt, Err(&why));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn note(line: &str, meter: &Meter, good: &Regex, bad: Option<&Regex>) {
    if bad.is_some_and(|bad| bad.is_match(line)) {
        let shown: String = line.chars().take(LINE_SHOWN).collect();
        let attempt = meter.begin();
        meter.end(attempt, Err(&shown));
    } else if good.is_match(line) {
        let attempt = meter.begin();
        meter.end(attempt, Ok(()));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::workload::Snapshot;

    fn spec(script: &str, success: Success) -> CommandSpec {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let timeout = Duration::from_millis(400);
        CommandSpec { command, dir: None, env: Vec::new(), timeout, success }
    }

    fn exit(code: i32, output: Option<&str>) -> Success {
        let output = output.map(|text| Regex::new(text).expect("a regular expression"));
        Success::Exit { every: Duration::from_millis(50), code, output }
    }

    fn context() -> Context {
        let meter = Arc::new(Meter::new(Instant::now()));
        Context { meter, seed: 0, run_id: "t".to_owned(), allow_remote: false }
    }

    /// What is seen of a workload that runs for a while.
    async fn seen(spec: CommandSpec, lasts: Duration) -> Snapshot {
        let (mut workload, context) =
            (spec.workload(&Places::default(), "job", &Said::default()), context());
        let meter = Arc::clone(&context.meter);
        workload.start(context).await.expect("it starts");
        tokio::time::sleep(lasts).await;
        workload.stop().await;
        meter.between(Duration::ZERO, Duration::from_mins(1))
    }

    #[tokio::test]
    async fn exit_code_and_output_tell_success() {
        let lasts = Duration::from_millis(120);
        let good = seen(spec("echo it is ready; exit 3", exit(3, Some("ready"))), lasts).await;
        assert!(good.successes >= 2 && good.failures == 0, "{good:?}");
        let bad = seen(spec("exit 3", exit(0, None)), lasts).await;
        assert_eq!((bad.successes, bad.errors[0].0.as_str()), (0, "exit code 3"));
        let bad = seen(spec("echo no", exit(0, Some("yes"))), lasts).await;
        assert_eq!(bad.errors[0].0, "the output does not match `yes`");
        let mut nobody = spec("", exit(0, None));
        nobody.command = vec!["/no/such/program".to_owned()];
        let bad = seen(nobody, lasts).await;
        let why = "cannot run `/no/such/program`: no such file or directory";
        assert_eq!(bad.errors[0].0, why);
    }

    #[tokio::test]
    async fn a_run_that_takes_too_long_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 77 & echo $! > {}; wait", file.display());
        let bad = seen(spec(&script, exit(0, None)), Duration::from_millis(10)).await;
        assert_eq!(bad.errors, [("not finished within 400 ms".to_owned(), 1)]);
        let pid = std::fs::read_to_string(file).unwrap();
        let state = || {
            let ps =
                std::process::Command::new("ps").args(["-o", "stat=", "-p", pid.trim()]).output();
            String::from_utf8(ps.unwrap().stdout).unwrap()
        };
        for _ in 0..100 {
            // One that has ended may wait for somebody to take note.
            if state().trim().is_empty() || state().starts_with('Z') {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {pid} is still there");
    }

    #[tokio::test]
    async fn lines_of_a_long_run_tell_success() {
        let script = "while :; do echo processed 1; echo oh no >&2; echo else; sleep 0.02; done";
        let good = Regex::new("^processed").unwrap();
        let bad = Some(Regex::new("oh no").unwrap());
        let seen = seen(spec(script, Success::Lines { good, bad }), Duration::from_millis(300));
        let seen = seen.await;
        assert!(seen.successes >= 3 && seen.failures >= 3, "{seen:?}");
        assert_eq!(seen.errors.len(), 1, "{seen:?}");
        assert_eq!(seen.errors[0].0, "oh no");
    }

    #[tokio::test]
    async fn a_long_run_that_ends_is_a_failure_and_chilled_it_begins_anew() {
        let good = Regex::new("began").unwrap();
        let lines = |script| spec(script, Success::Lines { good: good.clone(), bad: None });
        let ended = seen(lines("echo began; exit 4"), Duration::from_millis(200)).await;
        assert_eq!((ended.successes, ended.failures), (1, 1), "{ended:?}");
        assert_eq!(ended.errors[0].0, "the program ended with exit code 4");
        let mut workload =
            lines("echo began; sleep 60").workload(&Places::default(), "job", &Said::default());
        let context = context();
        let meter = Arc::clone(&context.meter);
        workload.start(context).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        workload.chill().await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        workload.stop().await;
        let seen = meter.between(Duration::ZERO, Duration::from_mins(1));
        assert_eq!((seen.successes, seen.failures), (2, 0), "{seen:?}");
    }
}
