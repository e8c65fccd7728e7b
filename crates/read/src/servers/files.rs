//! Configuration files of servers as flat settings.

use wonin_model::{Located, Settings};
use wonin_syntax::{Content, Node, yaml};
use wonin_text::{FileId, Place, Span};

/// Settings of one file that are kept.
const SETTINGS_MAX: usize = 5_000;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `key value`, comments with `#` (`redis.conf`).
    Words,
    /// `key = value` or `key value`, comments with `#` (`postgresql.conf`, `rabbitmq.conf`,
    /// `zoo.cfg`, `.properties`).
    Equals,
    /// Sections of `key = value`; only the server's own sections count (`my.cnf`).
    MySqlSections,
    /// Keys within keys, joined by dots (`elasticsearch.yml`, `mongod.conf`).
    Yaml,
    /// `<name>…</name><value>…</value>` (`hbase-site.xml`).
    HadoopXml,
}

/// Sections of `my.cnf` that the server reads.
const MYSQL_SECTIONS: &[&str] = &["galera", "mariadb", "mysqld", "server"];

/// All settings of a text; of equal keys the last one counts.
pub(crate) fn settings(file: FileId, text: &str, syntax: Syntax) -> Settings {
    let mut settings = Settings::default();
    let pairs = match syntax {
        Syntax::Words | Syntax::Equals | Syntax::MySqlSections => of_lines(text, syntax),
        Syntax::Yaml => of_yaml(text),
        Syntax::HadoopXml => of_xml(text),
    };
    for (key, value, span) in pairs.into_iter().take(SETTINGS_MAX) {
        settings.set(key, Located::written(value, Place { file, span }));
    }
    settings
}

/// Key, value, and the bytes of the value.
type Pair = (String, String, Span);

fn of_lines(text: &str, syntax: Syntax) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut start = 0;
    let mut is_own = true;
    for line in text.split('\n') {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(section) = trimmed.strip_prefix('[') {
            let name = section.split(']').next().unwrap_or("").trim();
            // `[mysqld-8.0]` is the server's too.
            let name = name.split('-').next().unwrap_or(name);
            is_own = syntax != Syntax::MySqlSections || MYSQL_SECTIONS.contains(&name);
        } else if is_own && !trimmed.starts_with(['#', ';', '!']) {
            let pair = of_line(trimmed, start + indent, syntax);
            pairs.extend(pair);
        }
        start += line.len() + 1;
    }
    pairs
}

fn of_line(line: &str, start: usize, syntax: Syntax) -> Option<Pair> {
    let is_end = |c: char| c.is_whitespace() || (c == '=' && syntax != Syntax::Words);
    let mut key_end = line.find(is_end).unwrap_or(line.len());
    let mut key = line[..key_end].to_owned();
    if key.is_empty() {
        return None;
    }
    if syntax == Syntax::Words && key == "sentinel" {
        // The directives of Sentinel have two words: `sentinel monitor …`.
        let rest = line[key_end..].trim_start();
        let second = rest.split_whitespace().next()?;
        key_end = line.len() - rest.len() + second.len();
        key = format!("sentinel.{second}");
    }
    if syntax == Syntax::MySqlSections {
        // Dashes and underscores are the same in names of options.
        key = key.replace('-', "_");
    }
    let rest = line[key_end..].trim_start();
    let rest = if syntax == Syntax::Words { rest } else { rest.strip_prefix('=').unwrap_or(rest) };
    let rest = rest.trim_start();
    let at = line.len() - rest.len();
    let (from, to) = value_range(rest);
    let value = rest[from..to].to_owned();
    Some((key, value, Span::new(start + at + from, start + at + to)))
}

/// The bytes of a value: within its quotes, or up to a comment.
fn value_range(rest: &str) -> (usize, usize) {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(end) = quote.and_then(|quote| rest[1..].find(quote)) {
        return (1, 1 + end);
    }
    let comment = rest.find(" #").or_else(|| rest.find("\t#")).unwrap_or(rest.len());
    (0, rest[..comment].trim_end().len())
}

fn of_yaml(text: &str) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for document in &yaml::parse(text).documents {
        flatten("", document, &mut pairs);
    }
    pairs
}

fn flatten(prefix: &str, node: &Node, pairs: &mut Vec<Pair>) {
    if SETTINGS_MAX <= pairs.len() {
        return;
    }
    match &node.content {
        Content::Mapping(entries) => {
            for entry in entries.iter() {
                let Some(key) = entry.key.as_str() else { continue };
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{key}"), &entry.value, pairs);
            }
        }
        Content::Sequence(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Node::as_str).collect();
            match texts {
                Some(texts) => pairs.push((prefix.to_owned(), texts.join(","), node.span)),
                None => items.iter().for_each(|item| flatten(prefix, item, pairs)),
            }
        }
        Content::Scalar(scalar) => {
            pairs.push((prefix.to_owned(), scalar.value.to_string(), node.value_span()));
        }
        Content::Null => {}
    }
}

fn of_xml(text: &str) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut at = 0;
    while let Some((name, name_end)) = element(text, "name", at) {
        at = name_end;
        let next = text[at..].find("<name>").map_or(text.len(), |offset| at + offset);
        if let Some((value, end)) = element(text, "value", at).filter(|(_, end)| *end <= next) {
            at = end;
            pairs.push((text[name.range()].to_owned(), text[value.range()].to_owned(), value));
        }
    }
    pairs
}

/// The trimmed content of the next element of this name, and where it ends.
fn element(text: &str, name: &str, from: usize) -> Option<(Span, usize)> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = from + text.get(from..)?.find(&open)? + open.len();
    let end = start + text[start..].find(&close)?;
    let inner = &text[start..end];
    let lead = inner.len() - inner.trim_start().len();
    let length = inner.trim().len();
    Some((Span::new(start + lead, start + lead + length), end + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, syntax: Syntax) -> Vec<(String, String)> {
        let settings = settings(FileId(0), text, syntax);
        let rows = settings.iter().map(|(name, value)| {
            let span = value.place().unwrap().span;
            // Lists are joined, so only they differ from their text.
            assert!(text[span.range()] == value.value || value.value.contains(','));
            (name.to_owned(), value.value.clone())
        });
        rows.collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_of_words_and_of_equals() {
        let redis = "# c\ncluster-enabled yes\n  maxmemory 2gb\nsave \"\"\n";
        assert_eq!(
            rows(redis, Syntax::Words),
            pairs(&[("cluster-enabled", "yes"), ("maxmemory", "2gb"), ("save", "")])
        );
        let postgres = "max_connections = 200   # x\r\nlisten_addresses='*'\nport 5433\n";
        assert_eq!(
            rows(postgres, Syntax::Equals),
            pairs(&[("listen_addresses", "*"), ("max_connections", "200"), ("port", "5433")])
        );
    }

    #[test]
    fn directives_of_sentinel_have_two_words() {
        let text = "sentinel monitor m redis 6379 2\nsentinel resolve-hostnames yes\nport 1\n";
        assert_eq!(
            rows(text, Syntax::Words),
            pairs(&[
                ("port", "1"),
                ("sentinel.monitor", "m redis 6379 2"),
                ("sentinel.resolve-hostnames", "yes")
            ])
        );
    }

    #[test]
    fn only_the_servers_sections_count() {
        let text = "[client]\nport=1\n[mysqld]\nmax_connections=9\n[mysqldump]\nx=1\n";
        assert_eq!(rows(text, Syntax::MySqlSections), pairs(&[("max_connections", "9")]));
    }

    #[test]
    fn keys_within_keys_are_joined() {
        let text = "discovery:\n  seed_hosts: [a, b]\nseed_provider:\n  - parameters:\n      - seeds: \"c\"\n";
        assert_eq!(
            rows(text, Syntax::Yaml),
            pairs(&[("discovery.seed_hosts", "a,b"), ("seed_provider.parameters.seeds", "c")])
        );
    }

    #[test]
    fn hadoop_files_have_names_and_values() {
        let text = "<configuration><property><name>a.b</name>\n<value> c </value></property>\
                    <property><name>d</name></property><property><name>e</name><value>f</value>";
        assert_eq!(rows(text, Syntax::HadoopXml), pairs(&[("a.b", "c"), ("e", "f")]));
    }
}
