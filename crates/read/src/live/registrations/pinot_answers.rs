//! Answers of a Pinot broker to queries, as somebody saved them or the broker's own log counts
//! them: JSON on one line or over many, with or without a time before it, and lines `requestId=…`.

use wonin_model::{AnswerOutcome, AnswerRun};
use wonin_syntax::Node;
use wonin_text::{FileId, Place, Span};

use super::note;
use crate::live::LineReader;
use crate::live::found::Found;
use crate::log::time;

/// Runs of one file.
const RUNS_MAX: usize = 10_000;
/// Bytes of one answer that are parsed.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What every answer holds.
const MARK: &str = "\"numServersQueried\"";

/// Whether a text has such answers.
pub(super) fn accepts(head: &str) -> bool {
    head.contains(MARK) || head.lines().take(500).any(|line| counted(line).is_some())
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The lines of an answer that goes on, and where it began.
    open: Option<Open>,
    /// The time that the last line outside answers began with.
    at_ms: Option<i64>,
    runs: Vec<AnswerRun>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    first: String,
    text: String,
    depth: i64,
}

/// One answer.
#[derive(Debug, Default)]
struct Answer {
    table: Option<String>,
    errors: Vec<(i64, String)>,
    rows: u64,
    queried: Option<u64>,
    responded: Option<u64>,
    took_ms: Option<u64>,
}

impl LineReader for Answers {
    fn line(&mut self, number: u64, text: &str, found: &mut Found) {
        if let Some(open) = &mut self.open {
            open.depth += depth(text);
            if open.text.len() < ANSWER_BYTES_MAX {
                open.text.push_str(text);
                open.text.push('\n');
            }
            if open.depth <= 0 {
                self.close(found);
            }
            return;
        }
        let own = stamp(text);
        if let Some(answer) = counted(text) {
            self.add(number, text, own, &answer, found);
        } else if let Some(at) = text.find('{').filter(|_| text.contains(MARK)) {
            self.at_ms = own.or(self.at_ms);
            self.parsed(number, text, &text[at..], found);
        } else if text.trim_start().starts_with('{') && depth(text) > 0 {
            let text = text.to_owned();
            self.open = Some(Open { number, depth: depth(&text), first: text.clone(), text });
        } else if own.is_some() {
            self.at_ms = own;
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.close(found);
        if !self.runs.is_empty() {
            note(found, "pinot-answers");
        }
        found.answers.append(&mut self.runs);
    }
}

impl Answers {
    fn close(&mut self, found: &mut Found) {
        if let Some(open) = self.open.take()
            && open.text.contains(MARK)
        {
            self.parsed(open.number, &open.first, &open.text, found);
        }
    }

    fn parsed(&mut self, number: u64, shown: &str, json: &str, found: &mut Found) {
        let tree = wonin_syntax::json::parse(json);
        let answers: Vec<Answer> = tree.documents.iter().filter_map(answer).collect();
        for answer in answers {
            self.add(number, shown, self.at_ms, &answer, found);
        }
    }

    fn add(
        &mut self,
        number: u64,
        shown: &str,
        at_ms: Option<i64>,
        answer: &Answer,
        found: &mut Found,
    ) {
        let outcome = answer.outcome();
        let servers = answer.errors.iter().flat_map(|(_, message)| servers(message));
        let same = |run: &&mut AnswerRun| run.outcome == outcome && run.table == answer.table;
        if let Some(run) = self.runs.last_mut().filter(same) {
            run.count += 1;
            run.first_ms = run.first_ms.or(at_ms);
            run.last_ms = at_ms.or(run.last_ms);
            run.longest_ms = run.longest_ms.max(answer.took_ms);
            for server in servers {
                if !run.servers.contains(&server) && run.servers.len() < AnswerRun::SERVERS_MAX {
                    run.servers.push(server);
                }
            }
            return;
        }
        if self.runs.len() >= RUNS_MAX {
            return;
        }
        let mut run = AnswerRun {
            source: "pinot",
            service: None,
            table: answer.table.clone(),
            outcome,
            servers: Vec::new(),
            count: 1,
            first_ms: at_ms,
            last_ms: at_ms,
            longest_ms: answer.took_ms,
            place: Place { file: FileId::default(), span: Span::default() },
        };
        run.servers.extend(servers.take(AnswerRun::SERVERS_MAX));
        run.servers.dedup();
        run.place = found.kept.keep(number, shown, 0..shown.trim_end().len());
        self.runs.push(run);
    }
}

impl Answer {
    fn outcome(&self) -> AnswerOutcome {
        let says = |text: &str| self.errors.iter().any(|(_, message)| message.contains(text));
        let has = |code: i64| self.errors.iter().any(|(known, _)| *known == code);
        // 425: the request could not be sent; 427: no answer came.
        if says("Connection refused") || says("connection refused") {
            AnswerOutcome::Refused
        } else if has(427) || says("not responded") {
            AnswerOutcome::Unanswered
        } else if has(425) {
            AnswerOutcome::Refused
        } else if !self.errors.is_empty() {
            AnswerOutcome::Failed
        } else if self.queried == Some(0) && self.rows == 0 {
            AnswerOutcome::NobodyAsked
        } else if self.responded.zip(self.queried).is_some_and(|(some, all)| some < all) {
            AnswerOutcome::Unanswered
        } else {
            AnswerOutcome::Answered
        }
    }
}

/// An answer of `/query/sql`.
fn answer(node: &Node) -> Option<Answer> {
    let number = |key: &str| node.get(key).and_then(Node::as_str)?.parse::<u64>().ok();
    let queried = number("numServersQueried")?;
    let error = |one: &Node| {
        let code = one.get("errorCode").and_then(Node::as_str)?.parse().ok()?;
        let message = one.get("message").and_then(Node::as_str).unwrap_or("");
        Some((code, message.to_owned()))
    };
    let table = node.get("tablesQueried").and_then(|tables| tables.items().first());
    Some(Answer {
        table: table.and_then(Node::as_str).map(str::to_owned),
        errors: node
            .get("exceptions")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(error)
            .collect(),
        rows: node.at(&["resultTable", "rows"]).map_or(0, |rows| rows.items().len() as u64),
        queried: Some(queried),
        responded: number("numServersResponded"),
        took_ms: number("timeUsedMs"),
    })
}

/// `requestId=7,table=t_OFFLINE,timeMs=10003,docs=0/0,…,servers=0/1,…,exceptions=1,…` of the
/// broker's log: servers that answered, of those that were asked.
fn counted(line: &str) -> Option<Answer> {
    let line = &line[line.find("requestId=")?..];
    let value = |key: &str| {
        let behind = &line[line.find(key)? + key.len()..];
        Some(behind.split(',').next().unwrap_or(behind))
    };
    let (responded, queried) = value(",servers=")?.split_once('/')?;
    let errors: u64 = value(",exceptions=")?.parse().ok()?;
    let (responded, queried) = (responded.parse().ok()?, queried.parse().ok()?);
    let failed = (errors > 0).then(|| {
        let code = if responded < queried { 427 } else { 0 };
        (code, String::new())
    });
    Some(Answer {
        table: value(",table=").map(str::to_owned),
        errors: failed.into_iter().collect(),
        rows: 0,
        queried: Some(queried),
        responded: Some(responded),
        took_ms: value(",timeMs=").and_then(|ms| ms.parse().ok()),
    })
}

/// `172.24.0.3_O` of `1 servers [172.24.0.3_O] not responded`, and the address that refused.
fn servers(message: &str) -> Vec<String> {
    let listed = message
        .split_once("servers [")
        .and_then(|(_, rest)| rest.split_once("] not responded"))
        .map(|(list, _)| list.split(", ").map(str::to_owned).collect::<Vec<_>>());
    let refused = message.rsplit_once("onnection refused: ").map(|(_, address)| {
        let address = address.split_whitespace().next().unwrap_or("");
        address.rsplit('/').next().unwrap_or(address).to_owned()
    });
    listed.into_iter().flatten().chain(refused).filter(|server| !server.is_empty()).collect()
}

/// How much deeper a line ends than it began; braces within strings do not count.
fn depth(line: &str) -> i64 {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// The time that a line begins with, or that an HTTP header says.
fn stamp(line: &str) -> Option<i64> {
    let line = line.trim_start_matches(['#', ' ', '[', '>', '<']);
    let line = line.strip_prefix("Date: ").or_else(|| line.strip_prefix("date: ")).unwrap_or(line);
    let line = match line.split_once(", ") {
        Some((day, rest)) if day.len() == 3 => rest,
        _ => line,
    };
    time::parse(line.as_bytes(), time::Base::default()).map(|stamp| stamp.ms)
}

#[cfg(test)]
mod tests {
    use wonin_model::AnswerOutcome::{Answered, NobodyAsked, Refused, Unanswered};

    use super::*;
    use crate::{MemoryFiles, read};

    fn runs(path: &str, text: &str) -> Vec<AnswerRun> {
        read(&MemoryFiles::new([(path, text)])).answers
    }

    const REFUSED: &str = r#"{"exceptions":[{"errorCode":425,"message":"BrokerRequestSend:\njava.net.ConnectException: Connection refused: /10.77.0.3:8098"},{"errorCode":427,"message":"1 servers [10.77.0.3_O] not responded"}],"numServersQueried":1,"numServersResponded":0,"timeUsedMs":12}"#;
    const NOBODY: &str =
        r#"{"exceptions":[],"numServersQueried":0,"numServersResponded":0,"timeUsedMs":2}"#;
    const FINE: &str = r#"{"resultTable":{"rows":[[3]]},"exceptions":[],"numServersQueried":1,"numServersResponded":1,"timeUsedMs":9}"#;

    #[test]
    fn saved_answers_are_runs_with_their_times() {
        let text = format!(
            "2025-03-02T10:00:00Z {FINE}\n2025-03-02T10:00:05Z {REFUSED}\n2025-03-02T10:00:10Z {REFUSED}\n2025-03-02T10:00:40Z {NOBODY}\n"
        );
        let runs = runs("answers.txt", &text);
        let seen: Vec<_> = runs.iter().map(|run| (run.outcome, run.count)).collect();
        assert_eq!(seen, [(Answered, 1), (Refused, 2), (NobodyAsked, 1)]);
        assert_eq!(runs[1].servers, ["10.77.0.3:8098", "10.77.0.3_O"]);
        assert_eq!(runs[2].first_ms.unwrap() - runs[1].first_ms.unwrap(), 35_000);
    }

    #[test]
    fn answers_over_many_lines_and_headers_are_read() {
        let pretty = FINE.replace(',', ",\n  ");
        let text =
            format!("HTTP/1.1 200 OK\nDate: Sun, 02 Mar 2025 10:00:00 GMT\n\n{pretty}\n{NOBODY}\n");
        let runs = runs("answers.json", &text);
        let seen: Vec<_> = runs.iter().map(|run| (run.outcome, run.first_ms.is_some())).collect();
        assert_eq!(seen, [(Answered, true), (NobodyAsked, true)]);
    }

    #[test]
    fn the_brokers_own_log_counts_servers() {
        let line = |second: u32, servers: &str, errors: u32, ms: u32| {
            format!(
                "2025/03/02 10:00:{second:02}.000 INFO [BaseBrokerRequestHandler] [jersey-server-managed-async-executor-1] requestId=7,table=orders_OFFLINE,timeMs={ms},docs=0/0,entries=0/0,segments(queried/processed/matched/consuming/unavailable):0/0/0/0/0,consumingFreshnessTimeMs=0,servers={servers},groupLimitReached=false,brokerReduceTimeMs=0,exceptions={errors},serverStats=(Server=SubmitDelayMs),query=select * from orders\n"
            )
        };
        let text = line(1, "1/1", 0, 9) + &line(5, "0/1", 1, 10_003) + &line(45, "0/0", 0, 1);
        let runs = runs("broker.log", &text);
        let seen: Vec<_> = runs.iter().map(|run| run.outcome).collect();
        assert_eq!(seen, [Answered, Unanswered, NobodyAsked]);
        assert_eq!(runs[1].longest_ms, Some(10_003));
        assert_eq!(runs[1].table.as_deref(), Some("orders_OFFLINE"));
    }
}
