//! Thread dumps as JSON: `jcmd PID Thread.dump_to_file -format=json` of JDK 21 (names and stacks
//! alone) to 25 (states and locks), and `/actuator/threaddump` of Spring Boot 3 and 4.
//!
//! Threads are taken out of the text one by one, so that a dump of many threads never is a tree.

use std::ops::Range;

use wonin_model::{Thread, ThreadDump};
use wonin_syntax::Node;
use wonin_text::{FileId, Place};

use super::stacks::{self, Stacks};
use super::text::is_of_the_machine;
use super::{THREADS_MAX, VIRTUAL};
use crate::live::found::Found;
use crate::log::time;

/// Whether a text begins like one of them.
pub(in crate::live) fn accepts(head: &str) -> bool {
    let is_jcmd = head.contains("\"threadDump\"") && head.contains("\"threadContainers\"");
    let is_actuator = head.contains("\"threads\"") && head.contains("\"threadName\"");
    is_jcmd || is_actuator
}

/// Reads all dumps of a text.
pub(in crate::live) fn read(text: &str, found: &mut Found) {
    let mut stacks = Stacks::default();
    let mut dumps: Vec<ThreadDump> = Vec::new();
    let mut head_start = 0;
    let mut at = 0;
    let mut threads = 0;
    while let Some(list) = text[at..].find("\"threads\"").map(|found| at + found) {
        at = list + "\"threads\"".len();
        let Some(begin) = list_begin(text, at) else {
            continue;
        };
        let head = &text[head_start..list];
        let is_jcmd_head = head.contains("\"threadDump\"");
        if dumps.is_empty() || is_jcmd_head || dumps.last().is_some_and(|d| d.format == "actuator")
        {
            dumps.push(empty(head, list, is_jcmd_head));
        }
        at = begin;
        while let Some(object) = next_object(text, at) {
            at = object.end;
            threads += 1;
            if threads > THREADS_MAX {
                found
                    .problems
                    .push(format!("more than {THREADS_MAX} threads; the rest was left out"));
                found.dumps.extend(dumps);
                return;
            }
            if let Some(dump) = dumps.last_mut() {
                dump.threads.extend(thread(text, object, &mut stacks));
            }
        }
        head_start = at;
    }
    if stacks.is_full {
        found.problems.push("more stacks than are kept; later ones were left out".to_owned());
    }
    found.dumps.extend(dumps.into_iter().filter(|dump| !dump.threads.is_empty()));
}

fn empty(head: &str, at: usize, is_jcmd: bool) -> ThreadDump {
    let value = |key: &str| {
        let behind = &head[head.find(&format!("\"{key}\""))? + key.len() + 2..];
        let value = behind.trim_start().strip_prefix(':')?.trim_start();
        let end = value.find([',', '\n', '}']).unwrap_or(value.len());
        Some(value[..end].trim().trim_matches('"').to_owned())
    };
    let at_ms = value("time")
        .and_then(|text| time::parse(text.as_bytes(), time::Base::default()))
        .map(|stamp| stamp.ms);
    ThreadDump {
        place: place(at..at + "\"threads\"".len()),
        format: if is_jcmd { "jcmd-json" } else { "actuator" },
        at_ms,
        process: value("processId").filter(|_| is_jcmd),
        threads: Vec::new(),
        deadlocks: Vec::new(),
    }
}

fn place(range: Range<usize>) -> Place {
    Place { file: FileId::default(), span: wonin_text::Span::new(range.start, range.end) }
}

/// Where the list behind a key begins: behind its bracket.
fn list_begin(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')?;
    Some(text.len() - rest.len())
}

/// The next object of a list, where one follows.
fn next_object(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].trim_start_matches([',', ' ', '\t', '\r', '\n']);
    let start = text.len() - rest.len();
    if !rest.starts_with('{') {
        return None;
    }
    let bytes = rest.as_bytes();
    let (mut depth, mut index, mut in_string) = (0_usize, 0, false);
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'\\' if in_string => index += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(start..start + index + 1);
                }
            }
            _ => {}
        }
        index += 1;
    }
    None
}

fn thread(text: &str, object: Range<usize>, stacks: &mut Stacks) -> Option<Thread> {
    let tree = wonin_syntax::json::parse(&text[object.clone()]);
    let node = tree.documents.first()?;
    let named = node.get("threadName").or_else(|| node.get("name"))?;
    let mut name = named.as_str()?.to_owned();
    let mut span = named.value_span();
    let id = node.get("threadId").or_else(|| node.get("tid")).and_then(Node::as_str);
    let stack: Vec<String> = match node.get("stackTrace") {
        Some(frames) => frames.items().iter().filter_map(actuator_frame).collect(),
        None => node
            .get("stack")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|frame| frame.as_str().map(stacks::frame))
            .collect(),
    };
    // Before JDK 24 only the innermost frames of its own tell a virtual thread from others.
    let says = node.get("virtual").and_then(Node::as_str).map(|says| says == "true");
    let is_virtual = says.unwrap_or_else(|| {
        stack.iter().any(|frame| frame.starts_with("java.lang.VirtualThread.run("))
    });
    if is_virtual && name.is_empty() {
        VIRTUAL.clone_into(&mut name);
        span = node.get("tid").map_or(span, Node::value_span);
    }
    let state = node.get("threadState").or_else(|| node.get("state")).and_then(Node::as_str);
    let mut thread = Thread {
        is_internal: stack.is_empty() && is_of_the_machine(&name),
        name,
        id: id.map(str::to_owned),
        place: place(object.start + span.start as usize..object.start + span.end as usize),
        state: state.map(str::to_owned),
        stack: stacks.share(stack),
        waits_for: None,
        waits_for_thread: None,
        waits_on: None,
        holds: holds(node),
        cpu_ms: None,
        is_virtual,
    };
    wait(node, &mut thread);
    let given_up = thread.waits_on.clone();
    thread.holds.retain(|held| Some(held) != given_up.as_ref());
    Some(thread)
}

fn wait(node: &Node, thread: &mut Thread) {
    let text = |path: &[&str]| node.at(path).and_then(Node::as_str).map(str::to_owned);
    if let Some(lock) = text(&["blockedOn"]) {
        thread.waits_for = Some(lock);
    } else if let Some(object) = text(&["waitingOn"]) {
        thread.waits_on = Some(object);
    }
    let blocker = text(&["parkBlocker", "object"]).or_else(|| text(&["lockName"]));
    let Some(blocker) = blocker else {
        return;
    };
    let owner = text(&["lockOwnerName"]);
    let is_blocked = thread.state.as_deref() == Some("BLOCKED");
    if is_blocked || owner.is_some() || !stacks::is_condition(&blocker) {
        thread.waits_for = Some(blocker);
        thread.waits_for_thread = owner;
    } else {
        thread.waits_on = Some(blocker);
    }
}

fn holds(node: &Node) -> Vec<String> {
    let items = |key: &str| node.get(key).map_or(&[][..], Node::items);
    let jcmd = items("monitorsOwned")
        .iter()
        .flat_map(|at| at.get("locks").map_or(&[][..], Node::items))
        .filter_map(|lock| lock.as_str().map(str::to_owned));
    let actuator =
        items("lockedMonitors").iter().chain(items("lockedSynchronizers")).filter_map(|lock| {
            let number: u64 = lock.get("identityHashCode")?.as_str()?.parse().ok()?;
            Some(stacks::lock(lock.get("className")?.as_str()?, &format!("{number:x}")))
        });
    jcmd.chain(actuator).collect()
}

fn actuator_frame(frame: &Node) -> Option<String> {
    let text = |key: &str| frame.get(key).and_then(Node::as_str);
    let call = format!("{}.{}", text("className")?, text("methodName")?);
    let source = match (text("nativeMethod"), text("fileName"), text("lineNumber")) {
        (Some("true"), _, _) => "Native Method".to_owned(),
        (_, Some(file), Some(line)) if !line.starts_with('-') => format!("{file}:{line}"),
        (_, Some(file), _) => file.to_owned(),
        _ => "Unknown Source".to_owned(),
    };
    Some(stacks::frame(&format!("{call}({source})")))
}
