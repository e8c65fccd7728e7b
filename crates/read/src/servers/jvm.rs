//! How large the heap of a Java program may become.

use wonin_model::{Located, Service, Settings};

use super::command::Words;

/// Setting: the largest heap in bytes.
pub(crate) const HEAP: &str = "jvm.heap-max-bytes";

/// Setting: the largest heap as a part of the container's memory, in percent.
pub(crate) const PERCENTAGE: &str = "jvm.max-ram-percentage";

/// Variables whose number is a heap in mebibytes.
const MEBIBYTES: &[&str] = &["ZK_SERVER_HEAP", "ZOO_HEAP_SIZE"];

/// Variables whose whole value is a heap size.
const SIZES: &[&str] = &[
    "ELASTICSEARCH_HEAP_SIZE",
    "JVM_XMX",
    "MAX_HEAP_SIZE",
    "NACOS_JVM_XMX",
    "OPENSEARCH_HEAP_SIZE",
];

/// What the command line and the environment say of the heap. The virtual machine takes
/// `_JAVA_OPTIONS` before the command line and that before `JAVA_TOOL_OPTIONS`; variables of
/// start scripts become part of the command line.
pub(crate) fn settings(service: &Service, words: &Words) -> Settings {
    let mut settings = Settings::default();
    let environment = &service.environment;
    let first = environment.get("_JAVA_OPTIONS").into_iter().cloned();
    let middle = words.iter().cloned();
    let others = environment.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "_JAVA_OPTIONS" | "JAVA_TOOL_OPTIONS" | "JDK_JAVA_OPTIONS")
    });
    let others = others.map(|(_, value)| value.clone());
    let last = ["JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"];
    let last = last.iter().filter_map(|name| environment.get(*name)).cloned();
    for text in first.chain(middle).chain(others).chain(last) {
        note(&text, &mut settings);
    }
    for (names, scale) in [(MEBIBYTES, "m"), (SIZES, "")] {
        for value in names.iter().filter_map(|name| environment.get(*name)) {
            let size = bytes(&format!("{}{scale}", value.value.trim()));
            set(&mut settings, HEAP, size.map(|size| value.with(size.to_string())));
        }
    }
    settings
}

/// The largest heap that commands and variables of a container ask for, the first that says one.
pub(crate) fn heap(texts: impl Iterator<Item = Located<String>>) -> Option<Located<u64>> {
    let mut settings = Settings::default();
    for text in texts {
        note(&text, &mut settings);
    }
    settings.get(HEAP)?.and_then(|text| text.parse().ok())
}

/// Options within one text; of equal options in it the last one counts, of several texts the first.
fn note(text: &Located<String>, settings: &mut Settings) {
    if !text.value.contains("-X") {
        return;
    }
    let mut heap = None;
    let mut percentage = None;
    for piece in pieces(text) {
        for prefix in ["-Xmx", "-XX:MaxHeapSize="] {
            if piece.value.starts_with(prefix) {
                let size = piece.part(prefix.len()..piece.value.len());
                heap = size
                    .and_then(|size| bytes(size))
                    .map(|size| size.with(size.value.to_string()))
                    .or(heap);
            }
        }
        let prefix = "-XX:MaxRAMPercentage=";
        if piece.value.starts_with(prefix) {
            percentage = Some(piece.part(prefix.len()..piece.value.len()))
                .filter(|part| part.value.parse::<f64>().is_ok())
                .or(percentage);
        }
    }
    set(settings, HEAP, heap);
    set(settings, PERCENTAGE, percentage);
}

fn set(settings: &mut Settings, name: &str, value: Option<Located<String>>) {
    if let Some(value) = value {
        settings.set_default(name, || value);
    }
}

/// Options of a text with their places, quotes around them left out.
fn pieces(text: &Located<String>) -> Vec<Located<String>> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, character) in text.value.char_indices().filter(|(_, c)| is_end(*c)) {
        if start < at {
            pieces.push(text.part(start..at));
        }
        start = at + character.len_utf8();
    }
    if start < text.value.len() {
        pieces.push(text.part(start..text.value.len()));
    }
    pieces
}

/// Bytes of `512m`, `2G`, `1073741824` (java command documentation, `-Xmx`).
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let scale = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{running, service, sources};

    fn heap(environment: &[(&str, &str)], command: &[&str]) -> Option<String> {
        let service = running(service("app", environment), command);
        let words = Words::of(&service, &sources());
        settings(&service, &words).get(HEAP).map(|heap| heap.value.clone())
    }

    #[test]
    fn the_stronger_place_wins_and_the_last_option_in_it() {
        let bytes = |mebibytes: u64| Some((mebibytes << 20).to_string());
        let tool = ("JAVA_TOOL_OPTIONS", "-Xmx1g");
        assert_eq!(heap(&[tool], &["java", "-jar", "a.jar"]), bytes(1024));
        assert_eq!(heap(&[tool], &["java", "-Xmx256m", "-Xmx512M", "-jar", "a.jar"]), bytes(256));
        assert_eq!(heap(&[tool, ("_JAVA_OPTIONS", "-Xmx2g")], &["java", "-Xmx256m"]), bytes(2048));
        assert_eq!(heap(&[("KAFKA_HEAP_OPTS", "-Xms1g -Xmx1g -Xmx3g")], &[]), bytes(3072));
        assert_eq!(heap(&[("ZK_SERVER_HEAP", "300")], &[]), bytes(300));
        assert_eq!(heap(&[("X", "-Xmxwrong")], &[]), None);
    }

    #[test]
    fn percentages_are_kept_as_written() {
        let service = service("app", &[("JAVA_OPTS", "\"-XX:MaxRAMPercentage=75.0\"")]);
        let settings = settings(&service, &Words::default());
        let percentage = settings.get(PERCENTAGE).unwrap();
        assert_eq!(percentage.value, "75.0");
        assert_eq!(percentage.place().unwrap().span.start, 22);
    }
}
