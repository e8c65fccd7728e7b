//! CPU quotas and freezing by cgroup, in version 1 and 2.
//!
//! A fault gets a group of its own below the one that the process is in, so that removing the
//! group undoes it, whatever else happened. One exception: version 2 allows no processes beside
//! groups with limits, so that there the quota of the group itself is changed where the process
//! has the group for itself, else a group beside it is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::proc::{Identity, ancestors};
use crate::undo::Outcome;

/// The period that shares are counted in, in microseconds: the kernel's default.
const PERIOD_US: u64 = 100_000;
/// Freezing waits for system calls to return.
const FREEZE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A change of cgroups that can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(crate) enum Change {
    /// A group of its own for the process.
    Group {
        dir: PathBuf,
        /// The group that it comes from and goes back to.
        home: PathBuf,
        /// Files of the group and what is written to them before the process comes in.
        limits: Vec<(String, String)>,
        freezer: Option<Freezer>,
    },
    /// Another value in a group that only the process uses.
    Value { file: PathBuf, old: String, new: String },
}

/// How a group is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Freezer {
    /// `freezer.state` of version 1.
    State,
    /// `cgroup.freeze` of version 2.
    Freeze,
}

/// The mounted hierarchies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hierarchies {
    mounts: Vec<Mount>,
}

#[derive(Clone, Debug)]
struct Mount {
    /// Controllers of version 1; empty for version 2.
    controllers: Vec<String>,
    /// Which part of the hierarchy is mounted.
    root: PathBuf,
    at: PathBuf,
}

impl Hierarchies {
    pub(crate) fn detect() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self { mounts: mounts.lines().filter_map(Mount::parse).collect() }
    }

    fn v1(&self, controller: &str) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.controllers.iter().any(|name| name == controller))
    }

    fn v2(&self) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.controllers.is_empty())
    }

    /// How the CPU of a process is limited here, or why it cannot be.
    pub(super) fn quota(&self, pid: u32, share: f64, name: &str) -> Result<Change, String> {
        let cgroups = read_cgroups(pid)?;
        let quota_us = (share * PERIOD_US as f64).round() as u64;
        if let Some(mount) = self.v1("cpu") {
            let home = mount.group(&cgroups, pid)?;
            let limits = vec![
                ("cpu.cfs_period_us".to_owned(), PERIOD_US.to_string()),
                ("cpu.cfs_quota_us".to_owned(), quota_us.to_string()),
            ];
            return own_group(&home, &home, name, limits, None);
        }
        let mount = self.v2().ok_or("no cgroups are mounted")?;
        let home = mount.group(&cgroups, pid)?;
        let new = format!("{quota_us} {PERIOD_US}");
        let file = home.join("cpu.max");
        if file.try_exists().unwrap_or(false) && is_alone(&home, pid) {
            writable(&file)?;
            let old = read(&file).map_err(|error| cannot(&file, &error))?;
            return Ok(Change::Value { file, old, new });
        }
        let beside = home.parent().filter(|parent| parent.starts_with(&mount.at)).unwrap_or(&home);
        let enabled = read(&beside.join("cgroup.subtree_control")).unwrap_or_default();
        if !enabled.split(' ').any(|word| word == "cpu") {
            return Err(format!(
                "the cpu controller is not enabled below {} (cgroup.subtree_control), and other \
                 processes share {}",
                beside.display(),
                home.display()
            ));
        }
        own_group(&home, beside, name, vec![("cpu.max".to_owned(), new)], None)
    }

    /// How a process is frozen here, or why it cannot be.
    pub(super) fn freeze(&self, pid: u32, name: &str) -> Result<Change, String> {
        let cgroups = read_cgroups(pid)?;
        let first = self.v1("freezer").map(|mount| (mount, Freezer::State));
        let second = self.v2().map(|mount| (mount, Freezer::Freeze));
        let mut why = "no freezer is mounted".to_owned();
        for (mount, freezer) in [first, second].into_iter().flatten() {
            let change = mount
                .group(&cgroups, pid)
                .and_then(|home| own_group(&home, &home, name, Vec::new(), Some(freezer)));
            match change {
                Ok(change) => return Ok(change),
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }
}

impl Mount {
    /// One line of `/proc/self/mountinfo`; `None` where it is no hierarchy for us.
    fn parse(line: &str) -> Option<Self> {
        let (fields, rest) = line.split_once(" - ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let (root, at) = (fields.get(3)?, fields.get(4)?);
        let mut rest = rest.split(' ');
        let kind = rest.next()?;
        let options = rest.nth(1)?;
        let controllers = match kind {
            "cgroup2" => Vec::new(),
            "cgroup" if !options.contains("name=") => {
                options.split(',').map(str::to_owned).collect()
            }
            _ => return None,
        };
        Some(Self { controllers, root: PathBuf::from(root), at: PathBuf::from(at) })
    }

    /// The directory of the group that a process is in; `cgroups` is its `/proc/PID/cgroup`.
    fn group(&self, cgroups: &str, pid: u32) -> Result<PathBuf, String> {
        let unknown = || format!("the cgroup of process {pid} cannot be seen from here");
        let path = cgroups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (names, path) = rest.split_once(':')?;
            let same = match self.controllers.as_slice() {
                [] => names.is_empty(),
                mine => names.split(',').any(|name| mine.iter().any(|one| one == name)),
            };
            same.then_some(path)
        });
        let path = Path::new(path.ok_or_else(unknown)?);
        let below = path.strip_prefix(&self.root).or_else(|_| path.strip_prefix("/"));
        let below = below.map_err(|_| unknown())?;
        if below.components().any(|part| part == std::path::Component::ParentDir) {
            return Err(unknown());
        }
        let dir = if below.as_os_str().is_empty() { self.at.clone() } else { self.at.join(below) };
        if dir.is_dir() { Ok(dir) } else { Err(unknown()) }
    }
}

fn read_cgroups(pid: u32) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/cgroup"))
        .map_err(|error| format!("the cgroup of process {pid} cannot be read: {error}"))
}

fn own_group(
    home: &Path,
    above: &Path,
    name: &str,
    limits: Vec<(String, String)>,
    freezer: Option<Freezer>,
) -> Result<Change, String> {
    writable(above)?;
    writable(&home.join("cgroup.procs"))?;
    Ok(Change::Group { dir: above.join(name), home: home.to_owned(), limits, freezer })
}

fn writable(path: &Path) -> Result<(), String> {
    access(path, Access::WRITE_OK)
        .map_err(|error| format!("no write access to {} ({error})", path.display()))
}

/// Whether every process of a group is this one or descends from it.
fn is_alone(dir: &Path, pid: u32) -> bool {
    let members = members(dir);
    !members.is_empty()
        && members.iter().all(|member| *member == pid || ancestors(*member).contains(&pid))
}

/// The processes of a group. Those of other namespaces read as 0 and are left out.
fn members(dir: &Path) -> Vec<u32> {
    let text = read(&dir.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}

fn read(file: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(file)?.trim().to_owned())
}

fn cannot(file: &Path, error: &io::Error) -> String {
    format!("{}: {error}", file.display())
}

fn write(file: &Path, value: &str) -> Result<(), String> {
    fs::write(file, value).map_err(|error| cannot(file, &error))
}

impl Change {
    /// Makes the change; says what can be seen of it.
    pub(super) async fn make(&self, process: &Identity) -> Result<String, String> {
        let pid = process.pid;
        match self {
            Self::Value { file, new, .. } => {
                write(file, new)?;
                let seen = read(file).map_err(|error| cannot(file, &error))?;
                if seen != *new {
                    return Err(format!("{} reads {seen} after {new} was written", file.display()));
                }
                Ok(format!("{} of pid {pid} is {seen}", file.display()))
            }
            Self::Group { dir, limits, freezer, .. } => {
                match fs::create_dir(dir) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(cannot(dir, &error));
                    }
                    _ => {}
                }
                for (file, value) in limits {
                    write(&dir.join(file), value)?;
                }
                write(&dir.join("cgroup.procs"), &pid.to_string())?;
                if process.stat().is_none() || !members(dir).contains(&pid) {
                    return Err(format!("process {pid} has ended, or left its group"));
                }
                if let Some(freezer) = freezer {
                    freezer.freeze(dir).await?;
                    return Ok(format!("pid {pid} is frozen in {}", dir.display()));
                }
                let last = limits.last().map(|(file, _)| dir.join(file)).unwrap_or_default();
                let seen = read(&last).map_err(|error| cannot(&last, &error))?;
                Ok(format!("pid {pid} is in a group with {} {seen}", file_name(&last)))
            }
        }
    }

    /// Undoes it; may be called at any moment and again.
    pub(super) async fn undo(&self) -> Result<Outcome, String> {
        match self {
            Self::Value { file, old, new } => {
                let Ok(now) = read(file) else {
                    return Ok(Outcome::whole("its cgroup is gone"));
                };
                if now != *new {
                    return Ok(Outcome::whole(format!("{} is {now}", file_name(file))));
                }
                write(file, old)?;
                let seen = read(file).map_err(|error| cannot(file, &error))?;
                if seen == *old {
                    Ok(Outcome::healed(format!("{} is {seen} again", file_name(file))))
                } else {
                    Err(format!("{} reads {seen} after {old} was written", file.display()))
                }
            }
            Self::Group { dir, home, freezer, .. } => {
                if !dir.is_dir() {
                    return Ok(Outcome::whole("its cgroup is gone"));
                }
                let mut moved = 0;
                let begin = Instant::now();
                loop {
                    if let Some(freezer) = freezer {
                        freezer.thaw(dir);
                    }
                    moved += move_out(dir, home)?;
                    match fs::remove_dir(dir) {
                        Ok(()) => break,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                        Err(error) if begin.elapsed() > FREEZE => return Err(cannot(dir, &error)),
                        Err(_) => sleep(LOOK_AGAIN).await,
                    }
                }
                Ok(Outcome::healed(format!("its cgroup is removed, {moved} processes moved back")))
            }
        }
    }
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// Moves all processes of a group back; gives how many. The group that they came from may have
/// been removed when it got empty: then the nearest one above takes them.
fn move_out(dir: &Path, home: &Path) -> Result<usize, String> {
    let mut moved = 0;
    for pid in members(dir) {
        let mut to = home;
        let mut result = fs::write(to.join("cgroup.procs"), pid.to_string());
        while result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            let Some(above) = to.parent() else { break };
            to = above;
            result = fs::write(to.join("cgroup.procs"), pid.to_string());
        }
        match result {
            Ok(()) => moved += 1,
            // It has ended meanwhile (ESRCH), or freezing has not let go of it yet (EBUSY): the
            // caller looks again.
            Err(error) if matches!(error.raw_os_error(), Some(3 | 16)) => {}
            Err(error) => return Err(cannot(&to.join("cgroup.procs"), &error)),
        }
    }
    Ok(moved)
}

impl Freezer {
    async fn freeze(self, dir: &Path) -> Result<(), String> {
        let begin = Instant::now();
        match self {
            Self::State => write(&dir.join("freezer.state"), "FROZEN")?,
            Self::Freeze => write(&dir.join("cgroup.freeze"), "1")?,
        }
        while !self.is_frozen(dir) {
            if begin.elapsed() > FREEZE {
                return Err(format!("{} is not frozen after {FREEZE:?}", dir.display()));
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn is_frozen(self, dir: &Path) -> bool {
        match self {
            Self::State => read(&dir.join("freezer.state")).is_ok_and(|state| state == "FROZEN"),
            Self::Freeze => read(&dir.join("cgroup.events"))
                .is_ok_and(|events| events.lines().any(|line| line == "frozen 1")),
        }
    }

    /// Whether it worked shows when the processes are moved.
    fn thaw(self, dir: &Path) {
        _ = match self {
            Self::State => fs::write(dir.join("freezer.state"), "THAWED"),
            Self::Freeze => fs::write(dir.join("cgroup.freeze"), "0"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
37 30 0:33 /docker/c1 /sys/fs/cgroup/freezer rw,nosuid - cgroup cgroup rw,freezer
";

    #[test]
    fn hierarchies_are_found_in_the_table_of_mounts() {
        let mounts: Vec<Mount> = HYBRID.lines().filter_map(Mount::parse).collect();
        let hierarchies = Hierarchies { mounts };
        assert_eq!(hierarchies.v1("cpu").unwrap().at, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(hierarchies.v1("freezer").unwrap().root, Path::new("/docker/c1"));
        assert_eq!(hierarchies.v2().unwrap().at, Path::new("/sys/fs/cgroup/unified"));
        assert!(hierarchies.v1("name=systemd").is_none());
    }

    /// A directory that looks like version 2, as far as files go.
    fn unified(root: &Path, subtree: &str, procs: &[u32]) -> (Mount, PathBuf) {
        let home = root.join("app.slice/web.service");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("cpu.max"), "max 100000\n").unwrap();
        let lines: Vec<String> = procs.iter().map(|pid| format!("{pid}\n")).collect();
        fs::write(home.join("cgroup.procs"), lines.concat()).unwrap();
        fs::write(root.join("app.slice/cgroup.subtree_control"), subtree).unwrap();
        let mount =
            Mount { controllers: Vec::new(), root: PathBuf::from("/"), at: root.to_owned() };
        (mount, home)
    }

    #[test]
    fn a_process_with_a_group_for_itself_gets_another_quota_there() {
        let root = tempfile::tempdir().unwrap();
        let me = std::process::id();
        let (mount, home) = unified(root.path(), "cpu", &[me]);
        assert_eq!(mount.group("0::/app.slice/web.service\n", me).unwrap(), home);
        assert!(is_alone(&home, me));
        let change = Change::Value {
            file: home.join("cpu.max"),
            old: "max 100000".to_owned(),
            new: "20000 100000".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let process = Identity::of(me).unwrap();
        runtime.block_on(change.make(&process)).unwrap();
        assert_eq!(read(&home.join("cpu.max")).unwrap(), "20000 100000");
        assert!(matches!(runtime.block_on(change.undo()).unwrap(), Outcome::Healed(_)));
        assert_eq!(read(&home.join("cpu.max")).unwrap(), "max 100000");
        assert!(matches!(runtime.block_on(change.undo()).unwrap(), Outcome::Whole(_)));
    }

    /// Both freezers of this machine, as far as it has them and lets us.
    #[test]
    fn each_freezer_freezes_and_lets_go() {
        let all = Hierarchies::detect();
        let only =
            |mount: Option<&Mount>| Hierarchies { mounts: mount.into_iter().cloned().collect() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let freezers = [only(all.v1("freezer")), only(all.v2())];
        for (version, hierarchies) in (1..).zip(freezers) {
            let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
            let pid = child.id();
            let before = read_cgroups(pid).unwrap();
            let name = format!("wonin-test-{}-{version}", std::process::id());
            match hierarchies.freeze(pid, &name) {
                Err(why) => println!("skipped: version {version}: {why}"),
                Ok(change) => {
                    let process = Identity::of(pid).unwrap();
                    let seen = runtime.block_on(change.make(&process)).unwrap();
                    assert!(seen.starts_with(&format!("pid {pid} is frozen in ")), "{seen}");
                    assert!(matches!(runtime.block_on(change.undo()).unwrap(), Outcome::Healed(_)));
                    assert_eq!(read_cgroups(pid).unwrap(), before);
                    assert!(matches!(runtime.block_on(change.undo()).unwrap(), Outcome::Whole(_)));
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_group_that_others_share_is_not_alone() {
        let root = tempfile::tempdir().unwrap();
        let (_, home) = unified(root.path(), "", &[std::process::id(), 1]);
        assert!(!is_alone(&home, std::process::id()));
    }

    #[test]
    fn a_path_that_leaves_the_mount_is_not_followed() {
        let mount =
            Mount { controllers: Vec::new(), root: PathBuf::from("/"), at: PathBuf::from("/sys") };
        assert!(mount.group("0::/../../etc\n", 7).unwrap_err().contains("process 7"));
    }
}
