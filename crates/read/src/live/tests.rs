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
    "2026-11-25 02:40:15.001 UTC [7] LOG:  duration: 151.6 ms  plan:\n",
    "\tQuery Text: select 'a\n",
    "2026-11-25 02:40:15.002 UTC [7] LOG:  duration: 152.8 ms  execute x: select $1\n",
    "2026-11-25 02:40:15.003 UTC [7] DETAIL:  parameters: $1 = '7'\n",
    "# Time: 261125  2:40:22\n# User@Host: a[a] @  [::1]\n",
    "# Query_time: 0.2  Lock_time: 0.1\n",
    "1) 1) (integer) 1\n   2) (integer) 2\n   3) (integer) 3\n   4) 1) \"get\"\n",
    "10.0.0.7 - - [25/Nov/2026:02:45:30 +0000] \"GET /a?b=1 HTTP/1.1\" 200 2 0.100\n",
    "2022-04-18T03:00:00.012Z 10.0.4.17 \"GET /usage?device=1042\" 412ms\n",
    "time,client,request,duration_ms\n",
    "{\"msg\":\"Slow query\",\"attr\":{\"ns\":\"a\",\"durationMillis\":7}}\n",
    "[{\"State\":{\"Status\":\"running\"},\"RestartCount\":1,\"Name\":\"/a\"}",
    "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES\n",
    "abc   img   \"x\"   1   Up 9 seconds   name\n",
    "NAME READY STATUS RESTARTS AGE\nweb-0 0/1 Error 3 (2m ago) 1h\n",
    "Broker_172.24.0.9_8099 ls /pc/LIVEINSTANCES\n",
    "# TYPE a gauge\na{b=\"c\"} 1\n",
    "NodeId LogEndOffset Lag LastFetchTimestamp LastCaughtUpTimestamp Status\n1 2 3 4 5 Leader\n",
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
        let threads = evidence.dumps.iter().flat_map(|dump| &dump.threads);
        let places = threads
            .map(|thread| thread.place)
            .chain(evidence.slow.iter().map(|slow| slow.place))
            .chain(evidence.containers.iter().map(|one| one.place))
            .chain(evidence.registrations.iter().map(|one| one.place))
            .chain(evidence.series.iter().map(|one| one.place));
        for place in places {
            let shown = evidence.sources.slice(place);
            prop_assert!(!shown.is_empty() || place.span.is_empty());
            prop_assert!(text.contains(shown));
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
