//! Java source: the files, the classes in them, and what they show.

pub(crate) mod answers;
pub(crate) mod callers;
pub(crate) mod codebase;
pub(crate) mod credentials;
pub(crate) mod kafka;
pub(crate) mod pools;
pub(crate) mod schedules;
pub(crate) mod tasks;
pub(crate) mod values;

use wonin_model::Skipped;
use wonin_syntax::java::Unit;
use wonin_text::{FileId, Place, SourceFile};

use crate::fragment::{Content, Format};

/// Java files beyond this size are generated; reading them costs more than they tell.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Words of which a file must hold one to be worth parsing: without them it neither makes
/// anything that fails in a known way nor passes it on.
const WORDS: &[&str] = &[
    "@Async",
    "@Bean",
    "@Component",
    "@Config",
    "@Controller",
    "@Repository",
    "@RestController",
    "@Scheduled",
    "@Service",
    "@SpringBootApplication",
    "CompletableFuture",
    "Credentials",
    "EventLoopGroup",
    "Executor",
    "HttpClient",
    "Kafka",
    "Mapping(",
    "QuartzJobBean",
    "ThreadPool",
    "getConnection(",
    "implements Job",
    "kafka",
    "new Thread(",
    "new Timer(",
    "org.quartz",
    "static final String",
];

/// Java source.
pub(crate) const FORMAT: Format = Format {
    name: "java",
    claims: |path| path.rsplit_once('.').is_some_and(|(_, end)| end == "java") && !is_test(path),
    accepts: |_, text| WORDS.iter().any(|word| text.contains(word)),
    parse,
};

fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let mut skip = |place: Option<Place>, why: String| {
        skipped.push(Skipped { path: file.path().to_owned(), place, why });
    };
    if file.text().len() > MAX_BYTES {
        skip(None, format!("{} MiB of Java, more than 2", file.text().len() / (1024 * 1024)));
        return Content::Java(Unit::default());
    }
    let Some(unit) = wonin_syntax::java::parse(file.text()) else {
        skip(None, "too far from Java to be parsed".to_owned());
        return Content::Java(Unit::default());
    };
    if let Some(problem) = unit.problems.first() {
        let place = Place { file: id, span: problem.span };
        skip(Some(place), format!("Java that cannot be parsed here: {}", problem.message));
    }
    Content::Java(unit)
}

/// Whether a file belongs to tests: it is not part of what runs.
pub(crate) fn is_test(path: &str) -> bool {
    let of_tests = |kind: &str| {
        let ends = ["Test", "Tests", "-test", "-tests"];
        matches!(kind, "it" | "jmh")
            || kind.starts_with("test")
            || ends.iter().any(|end| kind.ends_with(end))
    };
    let parts: Vec<&str> = path.split('/').collect();
    parts.windows(2).any(|pair| pair[0] == "src" && of_tests(pair[1]))
}
