//! Thread dumps as text: `jstack`, `jcmd PID Thread.print` and `kill -3` of JDK 8 to 25, and the
//! plain form of Spring Boot's `/actuator/threaddump`; alone, several in a file, or within a log.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use wonin_model::{Thread, ThreadDump};

use super::THREADS_MAX;
use super::stacks::{self, Stacks};
use crate::live::LineReader;
use crate::live::found::Found;
use crate::log::time;

const BEGIN: &str = "Full thread dump ";
static FIND_BEGIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEGIN));

/// Whether a text begins with a dump, or with threads whose heading was cut off.
pub(in crate::live) fn accepts(head: &str) -> bool {
    head.contains(BEGIN) || head.lines().any(|line| Header::of(line).is_some())
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(in crate::live) struct DumpText {
    dump: Option<ThreadDump>,
    thread: Option<Open>,
    /// Whether lines are of the open thread: until the empty line behind it.
    in_thread: bool,
    /// Whether locks follow that the open thread holds.
    in_synchronizers: bool,
    deadlock: Option<Vec<String>>,
    /// What the line before said: a time, or the number of the process.
    before_ms: Option<i64>,
    before_process: Option<String>,
    stacks: Stacks,
    threads: usize,
}

/// A thread whose lines come in.
#[derive(Debug)]
struct Open {
    thread: Thread,
    stack: Vec<String>,
}

impl LineReader for DumpText {
    fn line(&mut self, number: u64, line: &str, found: &mut Found) {
        if let Some(at) = FIND_BEGIN.find(line.as_bytes()) {
            self.begin(number, line, at, found);
            return;
        }
        if self.dump.is_some() {
            self.inside(number, line, found);
        } else if Header::of(line).is_some() {
            self.begin(number, line, 0, found);
            self.inside(number, line, found);
        } else {
            self.outside(line);
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.end(found);
        if self.stacks.is_full {
            found.problems.push("more stacks than are kept; later ones were left out".to_owned());
        }
        if self.threads > THREADS_MAX {
            found.problems.push(format!("more than {THREADS_MAX} threads; the rest was left out"));
        }
    }
}

impl DumpText {
    fn begin(&mut self, number: u64, line: &str, at: usize, found: &mut Found) {
        self.end(found);
        let own = time::parse(line[..at].trim_start().as_bytes(), time::Base::default());
        self.dump = Some(ThreadDump {
            place: found.kept.keep(number, line, at..line.len()),
            format: "jstack",
            at_ms: self.before_ms.take().or(own.map(|stamp| stamp.ms)),
            process: self.before_process.take(),
            threads: Vec::new(),
            deadlocks: Vec::new(),
        });
    }

    /// What may announce a dump: the number of the process, then the time.
    fn outside(&mut self, text: &str) {
        if text.len() > 40 {
            (self.before_ms, self.before_process) = (None, None);
            return;
        }
        let text = text.trim();
        if let Some(process) = text.strip_suffix(':').filter(|process| is_number(process)) {
            self.before_process = Some(process.to_owned());
            return;
        }
        let stamp = time::parse(text.as_bytes(), time::Base::default());
        self.before_ms = stamp.filter(|stamp| stamp.len == text.len()).map(|stamp| stamp.ms);
        if self.before_ms.is_none() {
            self.before_process = None;
        }
    }

    fn inside(&mut self, number: u64, text: &str, found: &mut Found) {
        if let Some(circle) = &mut self.deadlock {
            if text.starts_with("Java stack information") {
                self.end_circle();
                self.end(found);
            } else if text.starts_with("Found ") && text.ends_with("deadlock:") {
                self.end_circle();
                self.deadlock = Some(Vec::new());
            } else if let Some(name) =
                text.strip_prefix('"').and_then(|rest| rest.strip_suffix("\":"))
            {
                circle.push(name.to_owned());
            }
            return;
        }
        if let Some(header) = Header::of(text) {
            self.end_thread();
            self.thread(number, text, &header, found);
        } else if text.starts_with("Found ") && text.ends_with("deadlock:") {
            self.end_thread();
            self.deadlock = Some(Vec::new());
        } else if text.trim().is_empty() {
            self.in_thread = false;
            self.in_synchronizers = false;
        } else if text.trim_start().starts_with("Locked ownable synchronizers") {
            self.in_synchronizers = self.thread.is_some();
        } else if self.in_thread || self.in_synchronizers {
            self.detail(text);
        } else if text.starts_with("JNI global ref") {
            self.end_thread();
        } else {
            self.outside(text);
        }
    }

    fn thread(&mut self, number: u64, line: &str, header: &Header<'_>, found: &mut Found) {
        self.threads += 1;
        let Some(dump) = self.dump.as_mut().filter(|_| self.threads <= THREADS_MAX) else {
            return;
        };
        if header.is_actuator {
            dump.format = "actuator";
        }
        if let Some(address) = header.address.filter(|_| header.name == "Reference Handler") {
            // An address stays for the life of a process, and differs between processes.
            dump.process = Some(address.to_owned());
        }
        let start = line.find(header.name).unwrap_or(0);
        let place = found.kept.keep(number, line, start..start + header.name.len());
        self.in_thread = true;
        self.thread = Some(Open {
            thread: Thread {
                name: header.name.to_owned(),
                id: header.id.or(header.address).map(str::to_owned),
                place,
                state: None,
                stack: std::sync::Arc::default(),
                waits_for: None,
                waits_for_thread: None,
                waits_on: None,
                holds: Vec::new(),
                cpu_ms: header.cpu_ms,
                is_internal: header.id.is_none(),
                is_virtual: line.contains("\" virtual "),
            },
            stack: Vec::new(),
        });
    }

    /// A line below a thread's first one.
    fn detail(&mut self, text: &str) {
        let Some(open) = &mut self.thread else {
            return;
        };
        let text = text.trim();
        if let Some(frame) = text.strip_prefix("at ") {
            if open.stack.len() < Thread::FRAMES_MAX {
                open.stack.push(stacks::frame(frame));
            }
        } else if let Some(state) = text.strip_prefix("java.lang.Thread.State: ") {
            open.thread.state = state.split_whitespace().next().map(str::to_owned);
        } else if let Some(note) = text.strip_prefix("- ") {
            note_of(&mut open.thread, note, self.in_synchronizers);
        }
    }

    fn end_thread(&mut self) {
        let Some(Open { mut thread, stack }) = self.thread.take() else {
            return;
        };
        self.in_thread = false;
        self.in_synchronizers = false;
        thread.stack = self.stacks.share(stack);
        if thread.stack.is_empty() && is_of_the_machine(&thread.name) {
            thread.is_internal = true;
        }
        // In `wait()` the monitor is given up, though the frame still shows it as locked.
        let given_up = thread.waits_on.clone().or(thread.waits_for.clone());
        thread.holds.retain(|held| Some(held) != given_up.as_ref());
        if let Some(dump) = &mut self.dump {
            dump.threads.push(thread);
        }
    }

    fn end_circle(&mut self) {
        let circle = self.deadlock.take().filter(|circle| !circle.is_empty());
        if let Some(dump) = &mut self.dump {
            dump.deadlocks.extend(circle);
        }
    }

    fn end(&mut self, found: &mut Found) {
        self.end_thread();
        self.end_circle();
        let dump = self.dump.take().filter(|dump| !dump.threads.is_empty());
        if dump.is_some() && !found.formats.contains(&"thread-dump") {
            found.formats.push("thread-dump");
        }
        found.dumps.extend(dump);
    }
}

/// What a note below a frame says: `waiting to lock <0x…> (a java.lang.Object)`.
fn note_of(thread: &mut Thread, note: &str, is_synchronizer: bool) {
    let Some((what, rest)) = note.split_once('<') else {
        return;
    };
    let Some((number, rest)) = rest.split_once('>') else {
        return;
    };
    let class = rest
        .split_once("(a ")
        .map_or("", |(_, class)| class.split_once(')').map_or(class, |(class, _)| class));
    if !number.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x') {
        return;
    }
    let lock = stacks::lock(class, number);
    match what.trim() {
        "" if is_synchronizer => thread.holds.push(lock),
        "locked" if !thread.holds.contains(&lock) => thread.holds.push(lock),
        "waiting to lock" | "waiting to re-lock in wait()" => {
            thread.waits_for = Some(lock);
            let owner = rest.split_once("owned by \"").and_then(|(_, owner)| owner.split_once('"'));
            thread.waits_for_thread = owner.map(|(name, _)| name.to_owned());
        }
        "parking to wait for" if !stacks::is_condition(class) => thread.waits_for = Some(lock),
        "parking to wait for" | "waiting on" => thread.waits_on = Some(lock),
        _ => {}
    }
}

/// The first line of a thread.
#[derive(Debug)]
struct Header<'a> {
    name: &'a str,
    /// Number among Java's threads; none for those of the virtual machine.
    id: Option<&'a str>,
    address: Option<&'a str>,
    cpu_ms: Option<u64>,
    is_actuator: bool,
}

impl<'a> Header<'a> {
    /// `"main" #1 prio=5 os_prio=0 cpu=5.1ms elapsed=4.4s tid=0x… nid=0x… runnable`, or
    /// `"main" - Thread t@1`. A name may hold quotes.
    fn of(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix('"')?;
        let ends = ["\" #", "\" prio=", "\" daemon prio=", "\" os_prio=", "\" virtual "];
        if let Some((name, id)) = rest.rsplit_once("\" - Thread t@") {
            let id = Some(id.trim()).filter(|id| is_number(id))?;
            return Some(Self {
                name,
                id: Some(id),
                address: None,
                cpu_ms: None,
                is_actuator: true,
            });
        }
        let (at, _) = ends.iter().find_map(|end| rest.rfind(end).map(|at| (at, end)))?;
        let (name, attributes) = (&rest[..at], &rest[at + 1..]);
        let value =
            |key: &str| attributes.split_whitespace().find_map(|word| word.strip_prefix(key));
        let address = value("tid=");
        let number = value("#").filter(|number| is_number(number));
        if number.is_none() && address.is_none() {
            return None;
        }
        // JDK 6 and 7 do not number threads.
        let is_old = attributes.trim_start().starts_with("prio=")
            || attributes.trim_start().starts_with("daemon prio=");
        let cpu = value("cpu=").and_then(|cpu| cpu.strip_suffix("ms")?.parse::<f64>().ok());
        Some(Self {
            name,
            id: number.or(address.filter(|_| is_old)),
            address,
            cpu_ms: cpu.map(|cpu| cpu as u64),
            is_actuator: false,
        })
    }
}

/// Threads without Java code that bear a Java number all the same.
pub(in crate::live) fn is_of_the_machine(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "Attach Listener",
        "Common-Cleaner",
        "DestroyJavaVM",
        "Finalizer",
        "JVMCI",
        "Monitor Deflation Thread",
        "Notification Thread",
        "Reference Handler",
        "Service Thread",
        "Signal Dispatcher",
        "StringDedup",
        "Sweeper thread",
        "VM ",
    ];
    name.contains("CompilerThread") || NAMES.iter().any(|known| name.starts_with(known))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
