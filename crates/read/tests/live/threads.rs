//! Thread dumps of JDK 17, 21 and 25 and of Spring Boot, as those wrote them.

use wonin_model::{Evidence, Thread, ThreadGroup, ThreadSet};

use crate::{evidence, shown};

const JDK17: [&str; 3] = [
    include_str!("dumps/jdk17-1.txt"),
    include_str!("dumps/jdk17-2.txt"),
    include_str!("dumps/jdk17-3.txt"),
];
const LEAK: [&str; 3] = [
    include_str!("../../../../cases/unknown-failures/threads/dumps/1.txt"),
    include_str!("../../../../cases/unknown-failures/threads/dumps/2.txt"),
    include_str!("../../../../cases/unknown-failures/threads/dumps/3.txt"),
];

fn leak() -> Evidence {
    evidence(&[("d/1.txt", LEAK[0]), ("d/2.txt", LEAK[1]), ("d/3.txt", LEAK[2])])
}

fn locks() -> Evidence {
    evidence(&[("1.txt", JDK17[0]), ("2.txt", JDK17[1]), ("3.txt", JDK17[2])])
}

fn thread<'a>(evidence: &'a Evidence, name: &str) -> &'a Thread {
    evidence.dumps[0].threads.iter().find(|thread| thread.name == name).unwrap()
}

fn group<'a>(set: &'a ThreadSet, pattern: &str) -> &'a ThreadGroup {
    set.groups.iter().find(|group| group.pattern == pattern).unwrap()
}

#[test]
fn a_pool_per_firing_is_a_group_of_growing_pools() {
    let evidence = leak();
    assert_eq!(evidence.threads.len(), 1);
    let set = &evidence.threads[0];
    assert_eq!(set.dumps, [0, 1, 2]);
    let first = &set.groups[0];
    assert_eq!(first.pattern, "pool-#-thread-#");
    assert!(first.never_falls());
    let counts: Vec<(u32, u32, u32)> =
        first.counts.iter().map(|count| (count.threads, count.pools, count.busy())).collect();
    assert_eq!(counts, [(8, 4, 0), (18, 9, 0), (28, 14, 0)]);
    assert_eq!((first.growth(), first.highest.as_slice()), (20, &[14, 2][..]));
    assert!(first.frames[0].starts_with("jdk.internal.misc.Unsafe.park("));
    assert_eq!(shown(&evidence, first.place).1, "pool-1-thread-1");
    // The scheduler itself does not grow.
    assert_eq!(group(set, "scheduler-#").growth(), 0);
    assert!(set.stuck.iter().all(|stuck| !stuck.name.starts_with("pool-")));
}

#[test]
fn dumps_of_one_file_and_of_three_are_the_same() {
    let together = LEAK.concat();
    let evidence = evidence(&[("all.log", &together)]);
    assert_eq!(evidence.dumps.len(), 3);
    assert_eq!(evidence.threads[0].counts, leak().threads[0].counts);
    assert!(evidence.dumps[0].at_ms < evidence.dumps[1].at_ms);
}

#[test]
fn two_processes_are_two_sets() {
    let evidence = evidence(&[("1.txt", JDK17[0]), ("2.txt", LEAK[0])]);
    assert_eq!(evidence.threads.len(), 2);
}

#[test]
fn locks_have_owners_and_followers() {
    let evidence = locks();
    let set = &evidence.threads[0];
    let report = set.locks.iter().find(|lock| lock.lock.contains("ReentrantLock")).unwrap();
    assert_eq!(report.owner.as_deref(), Some("report-writer"));
    assert_eq!((report.waiting, report.behind, report.dumps), (3, 3, 3));
    assert_eq!(report.patterns, [("http-nio-#-exec-#".to_owned(), 3)]);
    assert!(report.owner_frames[1].starts_with("Locks.hold("));
    let cache =
        set.locks.iter().find(|lock| lock.owner.as_deref() == Some("cache-loader")).unwrap();
    assert_eq!((cache.waiting, cache.owner_waits_for.as_deref()), (2, None));
    // A thread in `wait()` has given its monitor up.
    assert!(thread(&evidence, "waiter").holds.is_empty());
    assert!(
        thread(&evidence, "waiter").waits_on.as_ref().unwrap().starts_with("java.lang.Object@")
    );
}

#[test]
fn a_deadlock_is_a_circle_of_owners() {
    let evidence = locks();
    assert_eq!(evidence.dumps[0].deadlocks, [["transfer-1", "transfer-2"]]);
    let circle: Vec<_> = evidence.threads[0]
        .locks
        .iter()
        .filter(|lock| lock.owner.as_ref().is_some_and(|owner| owner.starts_with("transfer-")))
        .collect();
    assert_eq!(circle.len(), 2);
    assert_eq!(circle[0].owner_waits_for.as_ref(), Some(&circle[1].lock));
    assert_eq!(circle[1].owner_waits_for.as_ref(), Some(&circle[0].lock));
}

#[test]
fn pools_are_busy_where_they_do_not_wait_for_tasks() {
    let evidence = locks();
    let http = group(&evidence.threads[0], "http-nio-#-exec-#");
    let count = &http.counts[2];
    assert_eq!((count.threads, count.busy(), count.blocked, count.pools), (4, 3, 3, 1));
    assert_eq!(count.states["WAITING"], 4);
}

#[test]
fn what_stands_still_tells_how_long_and_whether_it_runs() {
    let evidence = locks();
    let stuck = &evidence.threads[0].stuck;
    let by_name = |name: &str| stuck.iter().find(|stuck| stuck.name == name).unwrap();
    let spinner = by_name("spinner");
    assert_eq!(spinner.dumps, 3);
    assert_eq!((spinner.cpu_ms, spinner.span_ms), (Some(5030), Some(24_000)));
    assert_eq!(by_name("transfer-1").cpu_ms, Some(1));
    assert!(by_name("transfer-1").waits_for.is_some());
    assert_eq!(by_name("cache-loader").state.as_deref(), Some("TIMED_WAITING"));
    assert!(stuck.iter().all(|stuck| stuck.name != "http-nio-8080-exec-4"), "waits for work");
}

#[test]
fn text_of_newer_machines_says_the_same() {
    for text in [include_str!("dumps/jdk21.txt"), include_str!("dumps/jdk25.txt")] {
        let evidence = evidence(&[("dump.txt", text)]);
        assert_eq!(evidence.dumps[0].deadlocks.len(), 1);
        let transfer = thread(&evidence, "transfer-1");
        assert_eq!(transfer.state.as_deref(), Some("BLOCKED"));
        assert_eq!(transfer.stack[0], "Locks.both(Locks.java:10)");
        assert_eq!((transfer.holds.len(), transfer.waits_for.is_some()), (1, true));
        assert_eq!(shown(&evidence, transfer.place).1, "transfer-1");
        assert_eq!(evidence.threads[0].locks.len(), 4);
    }
}

#[test]
fn json_of_jdk_21_has_stacks_alone() {
    let evidence = evidence(&[("dump.json", include_str!("dumps/jdk21.json"))]);
    let dump = &evidence.dumps[0];
    assert_eq!((dump.format, dump.at_ms), ("jcmd-json", Some(1_795_573_209_666)));
    let transfer = thread(&evidence, "transfer-1");
    assert_eq!((transfer.state.as_deref(), transfer.stack.len()), (None, 3));
    assert_eq!(transfer.stack[2], "java.lang.Thread.run(Unknown Source)");
    let http = group(&evidence.threads[0], "http-nio-#-exec-#");
    assert_eq!((http.counts[0].threads, http.counts[0].busy()), (4, 3));
}

#[test]
fn json_of_jdk_25_has_locks() {
    let evidence = evidence(&[("dump.json", include_str!("dumps/jdk25.json"))]);
    let set = &evidence.threads[0];
    let circle = set.locks.iter().filter(|lock| lock.owner_waits_for.is_some()).count();
    assert_eq!(circle, 2);
    // Who holds a lock that is no monitor is not in the dump.
    let report = set.locks.iter().find(|lock| lock.lock.contains("ReentrantLock")).unwrap();
    assert_eq!((report.owner.as_deref(), report.waiting), (None, 3));
    assert!(thread(&evidence, "waiter").holds.is_empty());
}

#[test]
fn a_dump_within_a_log_is_found_and_the_log_goes_on() {
    let lines: Vec<String> = JDK17[0].lines().map(|line| format!("app-1  | {line}")).collect();
    let text = format!(
        "app-1  | 2026-11-25 02:19:00.000  INFO 7 --- [main] shop.Main : started\n{}\n\
         app-1  | 2026-11-25 02:20:00.000 ERROR 7 --- [main] shop.Main : late\n",
        lines.join("\n")
    );
    let evidence = evidence(&[("app.log", &text)]);
    assert_eq!(evidence.dumps.len(), 1);
    assert_eq!(evidence.dumps[0].deadlocks.len(), 1);
    let main = thread(&evidence, "main");
    assert_eq!(shown(&evidence, main.place), (15, "main"));
    assert_eq!(main.stack.len(), 4);
    assert!(!evidence.logs.is_empty());
}

#[test]
fn spring_boot_names_owners_in_json_and_in_text() {
    for text in [
        include_str!("dumps/boot3.json"),
        include_str!("dumps/boot4.json"),
        include_str!("dumps/boot3.txt"),
        include_str!("dumps/boot4.txt"),
    ] {
        let evidence = evidence(&[("threaddump.json", text)]);
        assert_eq!(evidence.dumps[0].format, "actuator");
        let set = &evidence.threads[0];
        let http = group(set, "http-nio-#.#.#.#-#-exec-#");
        let count = http.counts[0].clone();
        assert_eq!((count.threads, count.busy(), count.blocked), (6, 6, 3));
        let waiting: Vec<(u32, bool)> =
            set.locks.iter().map(|lock| (lock.waiting, lock.owner.is_some())).collect();
        assert_eq!(waiting, [(2, true), (1, true)]);
        let holds = "shop.Main.slow(Main.java:9)";
        assert!(set.locks[0].owner_frames.iter().any(|frame| frame == holds));
        assert!(set.groups.iter().any(|group| group.pattern == "container-#"));
    }
}

#[test]
fn utf_16_and_packed_dumps_are_read() {
    struct Bytes(Vec<String>, Vec<u8>);
    impl wonin_read::Files for Bytes {
        fn paths(&self) -> &[String] {
            &self.0
        }
        fn load(&self, _: &str) -> Result<String, String> {
            Err("not UTF-8".to_owned())
        }
        fn open(&self, _: &str) -> Result<Box<dyn std::io::Read + Send>, String> {
            Ok(Box::new(std::io::Cursor::new(self.1.clone())))
        }
    }
    let utf16: Vec<u8> =
        "\u{feff}".chars().chain(JDK17[0].chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
    let evidence = wonin_read::read(&Bytes(vec!["dump.txt".to_owned()], utf16));
    assert_eq!(evidence.dumps[0].deadlocks.len(), 1);
}
