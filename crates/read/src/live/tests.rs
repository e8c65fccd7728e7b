//! No text makes a reader panic, and places lie within their files.

use proptest::prelude::*;

use super::natural;
use crate::{MemoryFiles, read};

/// Pieces of which dumps are made, put together in any order.
const PIECES: &[&str] = &[
    "2026-11-25 02:19:13\n",
    "Full thread dump OpenJDK 64-Bit Server VM (17 mixed mode):\n",
    "\"main\" #1 prio=5 os_prio=0 cpu=1.5ms tid=0x01 nid=0x2 runnable\n",
    "\"a \\\" b\" - Thread t@7\n",
    "   java.lang.Thread.State: BLOCKED (on object monitor)\n",
    "\tat a.B.c(B.java:1)\n",
    "\t- waiting to lock <0x0f> (a java.lang.Object)\n",
    "\t- locked <0x0f> (a java.lang.Object)\n",
    "\t- locked <",
    "   Locked ownable synchronizers:\n",
    "Found one Java-level deadlock:\n",
    "\"main\":\n",
    "Java stack information for the threads listed above:\n",
    "JNI global refs: 4\n",
    "\n",
    "app-1  | ",
    "원인 ",
    "{\"threadDump\": {\"processId\": \"7\", \"threadContainers\": [{\"threads\": [",
    "{\"tid\": \"1\", \"name\": \"main\", \"stack\": [\"a/b.c(D.java:1)\"]},",
    "{\"threads\":[{\"threadName\":\"x\",\"lockName\":\"y@1\",\"stackTrace\":[{}]}",
    "]}",
    "\"",
    "{",
];

proptest! {
    #[test]
    fn pieces_in_any_order_are_read(
        order in prop::collection::vec(0..PIECES.len(), 0..40),
        name in prop::sample::select(vec!["a.txt", "a.json", "a.log"]),
    ) {
        let text: String = order.into_iter().map(|piece| PIECES[piece]).collect();
        let evidence = read(&MemoryFiles::new([(name, text.as_str())]));
        for dump in &evidence.dumps {
            for thread in &dump.threads {
                prop_assert!(text.contains(evidence.sources.slice(thread.place)));
            }
        }
    }

    #[test]
    fn any_text_is_read(text in ".{0,400}") {
        read(&MemoryFiles::new([("a.txt", text.as_str()), ("a.json", &text), ("a.log", &text)]));
    }
}

#[test]
fn paths_are_ordered_by_their_numbers() {
    let mut paths = vec!["d/10.json", "d/9.json", "c/11.json"];
    paths.sort_by_key(|path| natural(path));
    assert_eq!(paths, ["c/11.json", "d/9.json", "d/10.json"]);
}
