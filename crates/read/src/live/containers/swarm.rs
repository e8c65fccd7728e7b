//! Tasks of Docker Swarm: `docker service ps`, `docker stack ps`, `docker service ls`.
//!
//! A slot keeps its last tasks for months (five, unless the swarm is told otherwise), the newest
//! first. What former ones died of is history once another one has run in their place for long.

use std::collections::BTreeMap;

use wonin_model::ContainerState;
use wonin_syntax::Node;
use wonin_text::Span;

use super::{empty, lines, text};
use crate::live::Whole;
use crate::live::found::Found;

/// `docker service ps SERVICE…`, `docker stack ps STACK`, as tables or one object per line.
pub(super) const TASKS: Whole =
    Whole { name: "swarm-tasks", accepts: |_, head| lists_tasks(head), read: states };

/// `docker service ls`, `docker stack services STACK`.
pub(super) const SERVICES: Whole =
    Whole { name: "swarm-services", accepts: |_, head| lists_services(head), read: services };

/// Lines before a heading: the command itself, an empty line.
const LINES_BEFORE_MAX: usize = 4;

/// A task that has run for this long has outlived what its forerunners died of.
const LASTS_MS: u64 = 600_000;

/// One task.
#[derive(Debug)]
pub(crate) struct Task {
    /// Service with the number of its slot, or the id of its node: `shop_web.1`.
    pub(crate) name: String,
    image: String,
    /// What it is said to be: `Running`, `Failed`, `Rejected`, `Pending`.
    pub(crate) state: String,
    /// For how long, in milliseconds.
    age_ms: Option<u64>,
    /// Why it does not run.
    pub(crate) error: Option<String>,
    /// Where it stands: the error, else its name.
    pub(crate) at: Span,
}

impl Task {
    /// The service, which has no `.` in its name.
    pub(crate) fn service(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
}

/// Whether a text begins as a list of tasks.
pub(crate) fn lists_tasks(head: &str) -> bool {
    let is_json = |line: &str| {
        line.starts_with('{')
            && ["\"CurrentState\"", "\"DesiredState\""].iter().all(|key| line.contains(key))
    };
    first_lines(head).any(|line| is_tasks(line) || is_json(line))
}

fn lists_services(head: &str) -> bool {
    first_lines(head).any(is_services)
}

fn first_lines(head: &str) -> impl Iterator<Item = &str> {
    head.lines().filter(|line| !line.trim().is_empty()).take(LINES_BEFORE_MAX)
}

fn is_tasks(line: &str) -> bool {
    line.starts_with("ID ") && line.contains(" DESIRED STATE ") && line.contains(" CURRENT STATE")
}

fn is_services(line: &str) -> bool {
    line.starts_with("ID ") && line.contains(" MODE ") && line.contains(" REPLICAS ")
}

/// All tasks of a list in its order: slot by slot, the newest first.
pub(crate) fn tasks(text: &str) -> Vec<Task> {
    if text.trim_start().starts_with('{') {
        let tree = wonin_syntax::json::parse(text);
        return tree.documents.iter().filter_map(of_object).collect();
    }
    let mut heading = None;
    let mut found = Vec::new();
    for (start, line) in lines(text) {
        if is_tasks(line) {
            heading = Some(line);
        } else if line.trim().is_empty() {
            heading = None;
        } else if let Some(heading) = heading {
            found.extend(of_row(heading, start, line));
        }
    }
    found
}

/// Tasks that tell how things stand: without those of which others have taken the place for good.
pub(crate) fn present(tasks: &[Task]) -> Vec<&Task> {
    let mut running: BTreeMap<&str, &Task> = BTreeMap::new();
    let mut found = Vec::new();
    for task in tasks {
        if !running.get(task.name.as_str()).is_some_and(|later| is_over(later, task)) {
            found.push(task);
        }
        if task.state == "Running" {
            running.entry(&task.name).or_insert(task);
        }
    }
    found
}

/// Whether a later task that runs in the slot has taken the place: for long where this one ran,
/// too; at all where this one never did. What is still to run is not over.
fn is_over(running: &Task, task: &Task) -> bool {
    match task.state.as_str() {
        "Failed" => running.age_ms.is_some_and(|age| age >= LASTS_MS),
        "Rejected" | "Shutdown" | "Complete" | "Remove" | "Orphaned" => true,
        _ => false,
    }
}

fn of_object(node: &Node) -> Option<Task> {
    let error = node.get("Error");
    let shown = error.and_then(Node::as_str).filter(|text| !text.is_empty());
    let at = error.filter(|_| shown.is_some()).or_else(|| node.get("Name"))?.value_span();
    task(
        &text(node, &["Name"])?,
        &text(node, &["Image"]).unwrap_or_default(),
        &text(node, &["CurrentState"])?,
        shown,
        at,
    )
}

fn of_row(heading: &str, start: usize, line: &str) -> Option<Task> {
    let cell = |name: &str| Some(cell(heading, line, name)?.1);
    cell("DESIRED STATE")?;
    let name = cell("NAME")?.trim_start_matches("\\_").trim_start();
    let error = self::cell(heading, line, "ERROR");
    let (at, shown) = match error {
        Some((at, error)) => (at, error),
        None => (line.find(name)?, name),
    };
    let span = Span::new(start + at, start + at + shown.len());
    task(name, cell("IMAGE")?, cell("CURRENT STATE")?, error.map(|(_, error)| error), span)
}

/// Columns, in their order.
const COLUMNS: [&str; 10] = [
    "ID",
    "NAME",
    "MODE",
    "REPLICAS",
    "IMAGE",
    "NODE",
    "DESIRED STATE",
    "CURRENT STATE",
    "ERROR",
    "PORTS",
];

/// What a line has in a column, and where in the line; columns are as wide in every line, counted
/// in characters.
fn cell<'l>(heading: &str, line: &'l str, name: &str) -> Option<(usize, &'l str)> {
    let starts = COLUMNS.iter().filter_map(|column| Some((*column, column_at(heading, column)?)));
    let (mut from, mut to) = (None, None);
    for (column, at) in starts {
        if from.is_some() && to.is_none() {
            to = Some(at);
        }
        if column == name {
            from = Some(at);
        }
    }
    let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let (from, to) = (byte(from?), to.map_or(line.len(), byte));
    let cell = line.get(from..to)?;
    let shown = cell.trim();
    (!shown.is_empty()).then(|| (from + cell.len() - cell.trim_start().len(), shown))
}

/// Where the word of a column stands in a heading, alone.
fn column_at(heading: &str, column: &str) -> Option<usize> {
    let is_alone = |at: &usize| {
        let before = heading[..*at].chars().next_back();
        let after = heading[at + column.len()..].chars().next();
        before.is_none_or(|c| c == ' ') && after.is_none_or(|c| c == ' ')
    };
    heading.match_indices(column).map(|(at, _)| at).find(is_alone)
}

/// States of tasks (`api/types/swarm`).
const STATES: &[&str] = &[
    "New",
    "Allocated",
    "Pending",
    "Assigned",
    "Accepted",
    "Preparing",
    "Ready",
    "Starting",
    "Running",
    "Complete",
    "Shutdown",
    "Failed",
    "Rejected",
    "Remove",
    "Orphaned",
];

fn task(name: &str, image: &str, current: &str, error: Option<&str>, at: Span) -> Option<Task> {
    let (state, age) = current.split_once(' ').unwrap_or((current, ""));
    let is_state = STATES.contains(&state) && name.contains('.');
    is_state.then(|| Task {
        name: name.to_owned(),
        image: image.to_owned(),
        state: state.to_owned(),
        age_ms: age_ms(age),
        error: error.map(|error| whole(error, image)),
        at,
    })
}

/// `13 minutes ago`, `about a minute ago`, `less than a second ago` in milliseconds.
fn age_ms(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.trim_end_matches(" ago").split_whitespace().collect();
    let [.., count, unit] = words.as_slice() else { return None };
    let count = if matches!(*count, "a" | "an") { 1 } else { count.parse::<u64>().ok()? };
    let unit_ms = match unit.trim_end_matches('s') {
        "second" => 1000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 604_800_000,
        "month" => 2_592_000_000,
        "year" => 31_536_000_000,
        _ => return None,
    };
    count.checked_mul(unit_ms)
}

/// Errors that are known from their first 29 characters, after which tables cut them
/// (`manager/scheduler/filter.go` of SwarmKit, `errors.go` of moby's executor).
const BEGINNINGS: &[(&str, &str)] = &[
    ("no suitable node (insufficien", "no suitable node (insufficient resources)"),
    ("no suitable node (scheduling ", "no suitable node (scheduling constraints not satisfied)"),
    ("no suitable node (host-mode p", "no suitable node (host-mode port already in use)"),
    ("no suitable node (unsupported", "no suitable node (unsupported platform)"),
    ("no suitable node (missing plu", "no suitable node (missing plugin)"),
    ("no suitable node (max replica", "no suitable node (max replicas per node limit exceed)"),
];

/// An error as the engine said it, as far as its beginning tells.
fn whole(cell: &str, image: &str) -> String {
    let error = cell.trim_matches('"');
    let Some(cut) = error.strip_suffix('…') else { return error.to_owned() };
    if cut.starts_with("No such image: ") {
        return format!("No such image: {image}");
    }
    if let Some((exit, "do")) = cut.split_once("): ") {
        return format!("{exit}): dockerexec: unhealthy container");
    }
    let known = BEGINNINGS.iter().find(|(begins, _)| cut.starts_with(begins));
    known.map_or(cut, |(_, whole)| *whole).to_owned()
}

/// The slots of a list: how the newest task of each is, and what the last one died of.
fn states(text: &str, found: &mut Found) {
    let tasks = tasks(text);
    let mut slots: Vec<Vec<&Task>> = Vec::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for task in present(&tasks) {
        let index = *by_name.entry(&task.name).or_insert_with(|| {
            slots.push(Vec::new());
            slots.len() - 1
        });
        slots[index].push(task);
    }
    found.containers.extend(slots.iter().filter_map(|slot| slot_state(slot)));
}

fn slot_state(slot: &[&Task]) -> Option<ContainerState> {
    let running = slot.iter().find(|one| one.state == "Running");
    let shown = running.or(slot.first())?;
    let mut state = empty("swarm", &shown.name, shown.at);
    state.service = Some(shown.service().to_owned());
    state.status = Some(shown.state.to_ascii_lowercase());
    state.image = Some(shown.image.clone()).filter(|image| !image.is_empty());
    let failed = slot.iter().filter(|one| one.state == "Failed").count();
    state.restarts = u32::try_from(failed).unwrap_or(u32::MAX);
    state.error = slot.iter().find_map(|one| one.error.clone());
    let exit = state.error.as_deref().and_then(|error| error.split_once("non-zero exit ("));
    state.exit_code = exit.and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    Some(state)
}

/// Services with how many of their tasks run: `0/3`.
fn services(text: &str, found: &mut Found) {
    let mut heading = None;
    for (start, line) in lines(text) {
        if is_services(line) {
            heading = Some(line);
        } else if line.trim().is_empty() {
            heading = None;
        } else if let Some(heading) = heading {
            found.containers.extend(service(heading, start, line));
        }
    }
}

fn service(heading: &str, start: usize, line: &str) -> Option<ContainerState> {
    let cell = |name: &str| Some(cell(heading, line, name)?.1);
    let (replicas, name) = (cell("REPLICAS")?, cell("NAME")?);
    let (run, wanted) = replicas.split(' ').next()?.split_once('/')?;
    let (run, wanted): (u32, u32) = (run.parse().ok()?, wanted.parse().ok()?);
    // Jobs end, and what is scaled to nothing is meant to be away.
    if cell("MODE")?.contains("job") || wanted == 0 {
        return None;
    }
    let at = start + line.find(replicas)?;
    let mut state = empty("swarm", name, Span::new(at, at + replicas.len()));
    state.service = Some(name.to_owned());
    state.status = Some(if run == 0 { "without a task" } else { "running" }.to_owned());
    state.error = (run == 0).then(|| format!("0 of {wanted} tasks run"));
    state.image = cell("IMAGE").map(str::to_owned);
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
$ docker service ps shop_web
ID             NAME             IMAGE              NODE      DESIRED STATE   CURRENT STATE                ERROR                              PORTS
xr42qxxrgqjq   shop_web.1       shop/web:7         vm2       Ready           Ready 2 seconds ago                                             \n\
yhgtqyjwksb3    \\_ shop_web.1   shop/web:7         vm1       Shutdown        Failed about a minute ago    \"task: non-zero exit (137): do…\"   \n\
zz21qxxrgqjq   shop_web.2       shop/web:7                   Running         Pending 5 minutes ago        \"no suitable node (insufficien…\"   \n\
aa21qxxrgqjq   shop_web.3       shop/web:7         vm1       Running         Running 2 days ago                                              *:80->80/tcp
ab21qxxrgqjq    \\_ shop_web.3   shop/web:6         vm1       Shutdown        Failed 2 days ago            \"task: non-zero exit (1)\"          \n\
";

    #[test]
    fn tasks_are_read_with_what_they_died_of() {
        let tasks = tasks(LIST);
        let said: Vec<(&str, &str, Option<&str>)> = tasks
            .iter()
            .map(|one| (one.name.as_str(), one.state.as_str(), one.error.as_deref()))
            .collect();
        let unhealthy = "task: non-zero exit (137): dockerexec: unhealthy container";
        assert_eq!(
            said,
            [
                ("shop_web.1", "Ready", None),
                ("shop_web.1", "Failed", Some(unhealthy)),
                ("shop_web.2", "Pending", Some("no suitable node (insufficient resources)")),
                ("shop_web.3", "Running", None),
                ("shop_web.3", "Failed", Some("task: non-zero exit (1)")),
            ]
        );
        let span = tasks[1].at;
        let shown = &LIST[span.start as usize..span.end as usize];
        assert_eq!(shown, "\"task: non-zero exit (137): do…\"");
        assert_eq!(present(&tasks).len(), 4);
    }

    #[test]
    fn slots_are_as_their_newest_task_is() {
        let mut found = Found::default();
        states(LIST, &mut found);
        let said: Vec<(&str, Option<&str>, Option<i64>, u32)> = found
            .containers
            .iter()
            .map(|one| (one.name.as_str(), one.status.as_deref(), one.exit_code, one.restarts))
            .collect();
        assert_eq!(
            said,
            [
                ("shop_web.1", Some("ready"), Some(137), 1),
                ("shop_web.2", Some("pending"), None, 0),
                ("shop_web.3", Some("running"), None, 0),
            ]
        );
    }

    #[test]
    fn ages_are_those_that_people_read() {
        for (text, ms) in [
            ("2 seconds ago", Some(2000)),
            ("about a minute ago", Some(60_000)),
            ("less than a second ago", Some(1000)),
            ("3 weeks ago", Some(1_814_400_000)),
            ("a while ago", None),
            ("", None),
        ] {
            assert_eq!(age_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn services_without_a_task_are_down() {
        let list = "\
ID             NAME       MODE         REPLICAS               IMAGE        PORTS
b6lww17hrr4e   shop_web   replicated   0/3                    shop/web:7   *:80->80/tcp
c6lww17hrr4e   shop_db    replicated   1/1 (max 1 per node)   postgres:15
d6lww17hrr4e   shop_off   replicated   0/0                    shop/off:1
";
        let mut found = Found::default();
        services(list, &mut found);
        let said: Vec<(&str, Option<&str>)> =
            found.containers.iter().map(|one| (one.name.as_str(), one.status.as_deref())).collect();
        assert_eq!(said, [("shop_web", Some("without a task")), ("shop_db", Some("running"))]);
    }

    #[test]
    fn objects_are_tasks_too() {
        let line = r#"{"CurrentState":"Rejected 3 seconds ago","DesiredState":"Shutdown","Error":"\"No such image: shop/web:8\"","ID":"a","Image":"shop/web:8","Name":"shop_web.1","Node":"vm1","Ports":""}"#;
        assert!(lists_tasks(line));
        let tasks = tasks(line);
        assert_eq!(tasks[0].error.as_deref(), Some("No such image: shop/web:8"));
        assert_eq!(tasks[0].service(), "shop_web");
    }
}
