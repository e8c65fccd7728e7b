//! A command as workload: run again and again, each run an attempt; or a program that runs all the
//! time and tells by its lines what succeeded and what failed.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CannotStart, Context, Meter, Outcome, Pending, Workload};
use crate::command::Ready;
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
/// Bytes of a line, at most; a longer one is cut.
const LINE_BYTES: u64 = 64 << 10;

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
        let timeout = fields.duration("timeout").unwrap_or(TIMEOUT);
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
    pub(crate) fn workload(&self, places: &Places) -> CommandWorkload {
        let ready = Ready {
            command: self.command.iter().map(|word| places.fill(word)).collect(),
            dir: self.dir.clone(),
            env: places.environment(&self.env),
        };
        CommandWorkload {
            spec: self.clone(),
            ready,
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
    meter: Option<Arc<Meter>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl CommandWorkload {
    fn begin(&mut self, meter: Arc<Meter>) {
        let (spec, ready, stop) = (self.spec.clone(), self.ready.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            match spec.success {
                Success::Exit { every, code, output } => {
                    let how = Repeat { every, code, output, timeout: spec.timeout };
                    repeat(&ready, &meter, &stop, &how).await;
                }
                Success::Lines { good, bad } => {
                    listen(&ready, &meter, &stop, &good, bad.as_ref()).await;
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
async fn repeat(ready: &Ready, meter: &Meter, stop: &CancellationToken, how: &Repeat) {
    let mut tick = tokio::time::interval(how.every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let attempt = meter.begin();
        // The last run goes on to its end or its timeout: a run that is cut off tells nothing.
        let outcome = ready.succeeds(how.timeout, how.code, how.output.as_ref()).await;
        meter.end(attempt, outcome.as_ref().copied().map_err(String::as_str));
    }
}

/// Reads its lines; starts it again when it ends, which is a failure.
async fn listen(
    ready: &Ready,
    meter: &Meter,
    stop: &CancellationToken,
    good: &Regex,
    bad: Option<&Regex>,
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
        let lines = async {
            tokio::join!(
                follow(out, |line| note(line, meter, good, bad)),
                follow(err, |line| note(line, meter, good, bad)),
                running.child.wait(),
            )
        };
        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ((), (), status) = lines => Some(status),
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

/// Every line of an output until it ends.
async fn follow(out: Option<impl AsyncRead + Unpin>, mut each: impl FnMut(&str)) {
    use tokio::io::AsyncReadExt as _;
    let Some(out) = out else { return };
    let mut reader = BufReader::new(out);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}
