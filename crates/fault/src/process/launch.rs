//! Starting a process again as it was.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::proc::{Identity, Stat, all};
use crate::inject::Launch;

/// All that is needed to start a process again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) launch: Launch,
    /// What it calls itself; the program where it is not given.
    pub(crate) called: Option<String>,
    /// The run whose mark it is to carry, where its environment does not hold it already.
    pub(crate) mark: Option<String>,
}

impl Start {
    /// Reads from a running process how it was started.
    pub(super) fn of(pid: u32) -> Result<Self, String> {
        let at = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
        let unreadable = |what: &str, error: &std::io::Error| {
            format!("the {what} of process {pid} cannot be read: {error}")
        };
        let program = fs::read_link(at("exe")).map_err(|error| unreadable("program", &error))?;
        if !program.is_file() {
            return Err(format!("the program {} is not there any more", program.display()));
        }
        let dir = fs::read_link(at("cwd")).map_err(|error| unreadable("directory", &error))?;
        let bytes = fs::read(at("cmdline")).map_err(|error| unreadable("command line", &error))?;
        let mut words = strings(&bytes).ok_or("its command line is not UTF-8")?.into_iter();
        let called = words.next();
        let bytes = fs::read(at("environ")).map_err(|error| unreadable("environment", &error))?;
        let pairs = strings(&bytes).ok_or("its environment is not UTF-8")?;
        let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
        let env: BTreeMap<String, String> =
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let launch = Launch {
            program,
            args: words.collect(),
            dir: Some(dir),
            env: Some(env),
            stdout: output(&at("fd/1")),
            stderr: output(&at("fd/2")),
        };
        Ok(Self { launch, called, mark: None })
    }

    /// Starts it. Who starts it does not wait for it.
    pub(super) fn start(&self) -> Result<Identity, String> {
        let Launch { program, args, dir, env, stdout, stderr } = &self.launch;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).process_group(0);
        command.stdout(append(stdout.as_deref())?).stderr(append(stderr.as_deref())?);
        if let Some(called) = &self.called {
            command.arg0(called);
        }
        if let Some(dir) = dir {
            command.current_dir(dir);
        }
        if let Some(env) = env {
            command.env_clear().envs(env);
        }
        if let Some(run) = &self.mark {
            command.env(super::mark::VARIABLE, run);
        }
        let mut child = command
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let pid = child.id();
        // So that it does not stay a zombie where this process lives on.
        std::thread::spawn(move || child.wait());
        Identity::of(pid).ok_or_else(|| format!("{} ended at once", program.display()))
    }

    /// A process that was started since that moment with the same command line, in the same
    /// directory.
    pub(super) fn is_running(&self, since_ms: u64) -> Option<u32> {
        let first =
            self.called.clone().unwrap_or_else(|| self.launch.program.display().to_string());
        let mut words = vec![first];
        words.extend_from_slice(&self.launch.args);
        all().into_iter().find(|pid| {
            let Some(stat) = Stat::of(*pid) else { return false };
            let is_later = stat.start_ms() >= since_ms && !stat.has_ended();
            is_later && self.is_command_of(*pid, &words)
        })
    }

    fn is_command_of(&self, pid: u32, words: &[String]) -> bool {
        let same_words = fs::read(format!("/proc/{pid}/cmdline"))
            .ok()
            .and_then(|bytes| strings(&bytes))
            .is_some_and(|line| line == words);
        let dir = self.launch.dir.as_deref();
        same_words
            && dir.is_none_or(|dir| {
                fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir)
            })
    }
}

/// Texts that each end in a zero byte.
fn strings(bytes: &[u8]) -> Option<Vec<String>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let texts = bytes.split(|byte| *byte == 0).map(|text| String::from_utf8(text.to_vec()));
    texts.collect::<Result<_, _>>().ok()
}

/// Where output goes, if it can be opened again: pipes and sockets cannot.
fn output(descriptor: &Path) -> Option<PathBuf> {
    let path = fs::read_link(descriptor).ok()?;
    (path.is_absolute() && path.try_exists().unwrap_or(false)).then_some(path)
}

fn append(path: Option<&Path>) -> Result<Stdio, String> {
    let Some(path) = path.filter(|path| *path != Path::new("/dev/null")) else {
        return Ok(Stdio::null());
    };
    let file: File = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
    Ok(file.into())
}
