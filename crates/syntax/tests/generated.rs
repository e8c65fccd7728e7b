//! Random values printed in random styles parse to the same values, and every place is right.

#![allow(clippy::unwrap_used, reason = "writing to a string cannot fail")]

mod spans;

use std::fmt::Write as _;

use proptest::prelude::*;
use wonin_syntax::{Content, Node, dockerfile, dotenv, json, properties, yaml};

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9./:-]{1,30}",
        "[a-zA-Z0-9가-힣😀-😎 _./-]{1,12}",
        "[ -~가-힣😀-😎\t\n]{0,12}",
        "[a-z가-힣#:]{1,6}( [a-z#:]{1,5}){0,3}(\n{1,2}[a-z #]{0,8}){0,4}",
        prop::sample::select(vec![
            "", "null", "~", "true", "<<", "- x", "a: b", "#x", " x ", "it's", "---", "a #b",
            "{{ x }}", "\u{85}", "\u{a0}x", "\u{feff}", "\u{7}", "key:", "x\\", "|", "\"",
        ])
        .prop_map(str::to_owned),
    ]
}

fn unique_keys(entries: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut kept: Vec<(String, Value)> = Vec::new();
    for entry in entries {
        if kept.iter().all(|earlier| earlier.0 != entry.0) {
            kept.push(entry);
        }
    }
    kept
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![1 => Just(Value::Null), 6 => text().prop_map(Value::Text)];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..20)
                .prop_map(|entries| Value::Map(unique_keys(entries))),
        ]
    })
}

fn map() -> impl Strategy<Value = Value> {
    prop::collection::vec((text(), value()), 1..6)
        .prop_map(|entries| Value::Map(unique_keys(entries)))
}

fn assert_same(node: &Node, value: &Value) {
    match (&node.content, value) {
        (Content::Null, Value::Null) => {}
        (Content::Scalar(scalar), Value::Text(text)) => assert_eq!(scalar.value, *text),
        (Content::Sequence(items), Value::List(values)) => {
            assert_eq!(items.len(), values.len());
            items.iter().zip(values).for_each(|(item, value)| assert_same(item, value));
        }
        (Content::Mapping(entries), Value::Map(values)) => {
            assert_eq!(entries.len(), values.len(), "{entries:?} {values:?}");
            for (entry, (key, value)) in entries.iter().zip(values) {
                assert_eq!(entry.key.as_str(), Some(key.as_str()));
                assert_same(&entry.value, value);
            }
        }
        (node, value) => panic!("{node:?} is not {value:?}"),
    }
}

/// Random decisions, the same for the same bytes.
#[derive(Debug)]
struct Choices {
    bytes: Vec<u8>,
    at: usize,
}

impl Choices {
    /// A number below `below`.
    fn pick(&mut self, below: usize) -> usize {
        self.at += 1;
        usize::from(self.bytes[self.at % self.bytes.len()]) % below
    }
}

fn choices() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u8>(), 1..200).prop_map(|bytes| Choices { bytes, at: 0 })
}

/// Prints YAML in whatever style the choices say and tells what should come back.
struct YamlPrinter {
    out: String,
    choices: Choices,
    anchored: Vec<Value>,
}

impl YamlPrinter {
    fn document(&mut self, value: &Value) -> Value {
        if self.choices.pick(3) == 0 {
            self.out.push_str("# 주석: note\n---\n");
        }
        match value {
            Value::Map(entries) if !entries.is_empty() => self.block_map(entries, 0),
            _ => unreachable!("documents are mappings"),
        }
    }

    fn block_map(&mut self, entries: &[(String, Value)], indent: usize) -> Value {
        let mut expected = Vec::new();
        let mut merged = None;
        for (key, value) in entries {
            self.note(indent);
            if merged.is_none() && self.choices.pick(6) == 0 {
                merged = self.merge(indent);
            }
            self.pad(indent);
            self.key(key);
            self.out.push(':');
            let value = self.block_value(value, indent);
            expected.push((key.clone(), value));
        }
        for (key, value) in merged.unwrap_or_default() {
            if expected.iter().all(|(own, _)| *own != key) {
                expected.push((key, value));
            }
        }
        Value::Map(expected)
    }

    /// Prints `<<: *a` for some mapping that has an anchor.
    fn merge(&mut self, indent: usize) -> Option<Vec<(String, Value)>> {
        let is_map = |(id, value): (usize, &Value)| match value {
            Value::Map(entries) => Some((id, entries.clone())),
            _ => None,
        };
        let maps: Vec<_> = self.anchored.iter().enumerate().filter_map(is_map).collect();
        let (id, entries) = maps.get(self.choices.pick(maps.len().max(1)))?.clone();
        self.pad(indent);
        writeln!(self.out, "<<: *a{id}").unwrap();
        Some(entries)
    }

    /// What stands behind `key:` or `-`, to the end of the line.
    fn block_value(&mut self, value: &Value, indent: usize) -> Value {
        if !self.anchored.is_empty() && self.choices.pick(8) == 0 {
            let id = self.choices.pick(self.anchored.len());
            write!(self.out, " *a{id}").unwrap();
            self.line_end();
            return self.anchored[id].clone();
        }
        let has_anchor = self.choices.pick(5) == 0;
        let hole = self.out.len();
        let inner = indent + 1 + self.choices.pick(3);
        let expected = match value {
            Value::List(items) if !items.is_empty() && self.choices.pick(3) > 0 => {
                self.line_end();
                let print = |printer: &mut Self, item: &Value| {
                    printer.note(inner);
                    printer.pad(inner);
                    printer.out.push('-');
                    printer.block_value(item, inner)
                };
                Value::List(items.iter().map(|item| print(self, item)).collect())
            }
            Value::Map(entries) if !entries.is_empty() && self.choices.pick(3) > 0 => {
                self.line_end();
                self.block_map(entries, inner)
            }
            Value::Text(text) if fits_block(text) && self.choices.pick(2) == 0 => {
                self.literal(text, inner);
                value.clone()
            }
            Value::Null if self.choices.pick(2) == 0 => {
                self.line_end();
                Value::Null
            }
            _ => {
                self.out.push(' ');
                let expected = self.flow(value);
                self.line_end();
                expected
            }
        };
        if has_anchor {
            // Anchors are numbered in the order in which their values end.
            let anchor = format!(" &a{}", self.anchored.len());
            self.out.insert_str(hole, &anchor);
            self.anchored.push(expected.clone());
        }
        expected
    }

    fn literal(&mut self, text: &str, indent: usize) {
        let body = text.trim_end_matches('\n');
        let breaks = text.len() - body.len();
        self.out.push_str([" |-", " |", " |+"][breaks.min(2)]);
        self.line_end();
        for line in body.split('\n') {
            if !line.is_empty() {
                self.pad(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        self.out.push_str(&"\n".repeat(breaks.saturating_sub(1)));
    }

    fn flow(&mut self, value: &Value) -> Value {
        match value {
            Value::Null => self.out.push_str(["~", "null", "Null", "NULL"][self.choices.pick(4)]),
            Value::Text(text) => self.scalar(text),
            Value::List(items) => {
                self.out.push('[');
                for item in items {
                    self.flow_gap();
                    self.flow(item);
                    self.out.push(',');
                }
                self.out.push(']');
            }
            Value::Map(entries) => {
                self.out.push('{');
                for (key, value) in entries {
                    self.flow_gap();
                    self.key(key);
                    self.out.push_str(": ");
                    self.flow(value);
                    self.out.push(',');
                }
                self.out.push('}');
            }
        }
        value.clone()
    }

    fn flow_gap(&mut self) {
        self.out.push_str(["", " ", "\n                 "][self.choices.pick(3)]);
        if self.out.ends_with('{') {
            self.out.push(' ');
        }
    }

    fn key(&mut self, key: &str) {
        self.scalar(key);
    }

    fn scalar(&mut self, text: &str) {
        match self.choices.pick(3) {
            0 if fits_plain(text) => self.out.push_str(text),
            1 if fits_single(text) => write!(self.out, "'{}'", text.replace('\'', "''")).unwrap(),
            _ => self.double(text),
        }
    }

    fn double(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(self.out, "\\{c}").unwrap(),
                '\n' => self.out.push_str("\\n"),
                '\u{85}' => self.out.push_str("\\N"),
                '\u{a0}' => self.out.push_str("\\_"),
                c if c.is_control() => write!(self.out, "\\x{:02x}", u32::from(c)).unwrap(),
                '\u{feff}' => self.out.push_str("\\ufeff"),
                c if self.choices.pick(9) == 0 => {
                    write!(self.out, "\\U{:08X}", u32::from(c)).unwrap();
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn note(&mut self, indent: usize) {
        if self.choices.pick(6) == 0 {
            self.pad(indent);
            self.out.push_str("# note: 주석 | 'x\n");
        }
    }

    fn line_end(&mut self) {
        self.out.push_str(["\n", " \n", "   # note | \"x\n"][self.choices.pick(3)]);
    }

    fn pad(&mut self, indent: usize) {
        self.out.push_str(&" ".repeat(indent));
    }
}

fn fits_plain(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || ('가'..='힣').contains(&c) || c > '\u{1f000}';
    text.starts_with(ok)
        && text.ends_with(ok)
        && text.chars().all(|c| ok(c) || " _./-:#".contains(c))
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(":#") // Harmless in blocks, but easy to misread.
        && !matches!(text, "null" | "Null" | "NULL")
}

fn fits_single(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == '\u{feff}')
}

fn fits_block(text: &str) -> bool {
    let starts = text.chars().next().is_some_and(|c| !c.is_whitespace() && c != '\u{feff}');
    starts && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control())
}

fn print_json(value: &Value, choices: &mut Choices, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Text(text) => json_string(text, choices, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { " ,\n " } else { "" });
                print_json(item, choices, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "\r\n" });
                json_string(key, choices, out);
                out.push_str([":", " : "][choices.pick(2)]);
                print_json(value, choices, out);
            }
            out.push('}');
        }
    }
}

fn json_string(text: &str, choices: &mut Choices, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}").unwrap(),
            c if c.is_control() || choices.pick(9) == 0 => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A key or value of properties with random escapes and continuations.
fn print_property(text: &str, is_key: bool, choices: &mut Choices, out: &mut String) {
    for (index, c) in text.chars().enumerate() {
        if index > 0 && choices.pick(12) == 0 {
            out.push_str(["\\\n", "\\\r\n   "][choices.pick(2)]);
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            // Blanks at the start of a piece or of a continued line would be lost.
            ' ' | '=' | ':' | '#' | '!' if is_key || c == ' ' || index == 0 => {
                write!(out, "\\{c}").unwrap();
            }
            c if c.is_control() || choices.pick(9) == 0 => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04X}").unwrap();
                }
            }
            c => out.push(c),
        }
    }
}

fn print_variable(value: &str, choices: &mut Choices, out: &mut String) {
    let fits_plain = !value.is_empty()
        && !value.contains(['\n', '#'])
        && !value.starts_with(['\'', '"'])
        && value.trim() == value;
    match choices.pick(3) {
        0 if fits_plain => out.push_str(value),
        1 if !value.contains(['\'', '\\']) => write!(out, "'{value}'").unwrap(),
        _ => {
            out.push('"');
            for c in value.chars() {
                match c {
                    '"' | '\\' => write!(out, "\\{c}").unwrap(),
                    '\n' if choices.pick(2) == 0 => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    c => out.push(c),
                }
            }
            out.push('"');
        }
    }
    out.push_str(["", "  ", " # note 'x\""][choices.pick(3)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_in_all_styles(value in map(), choices in choices(), windows in any::<bool>()) {
        let mut printer = YamlPrinter { out: String::new(), choices, anchored: Vec::new() };
        let expected = printer.document(&value);
        let text = if windows { printer.out.replace('\n', "\r\n") } else { printer.out };
        let tree = yaml::parse(&text);
        prop_assert_eq!(&tree.problems, &[], "{}", text);
        prop_assert_eq!(tree.documents.len(), 1);
        assert_same(&tree.documents[0], &expected);
        spans::check(&text, &tree, spans::yaml);
    }

    #[test]
    fn json_with_all_escapes(value in map(), mut choices in choices()) {
        let mut text = String::new();
        print_json(&value, &mut choices, &mut text);
        let tree = json::parse(&text);
        prop_assert_eq!(&tree.problems, &[], "{}", text);
        assert_same(&tree.documents[0], &value);
        spans::check(&text, &tree, spans::json);
        // JSON is YAML, but for what YAML says of its escapes and lengths.
        if !text.contains("\\u") {
            assert_same(&yaml::parse(&text).documents[0], &value);
        }
    }

    #[test]
    fn properties_with_escapes_and_continuations(
        entries in prop::collection::vec((text(), text()), 1..8),
        mut choices in choices(),
    ) {
        let mut text = String::new();
        let entries: Vec<_> = entries.into_iter().enumerate().map(|(n, (k, v))| (format!("{n}{k}"), v)).collect();
        for (key, value) in &entries {
            text.push_str(["", "# note\n", "  ! note \\\n", "\n"][choices.pick(4)]);
            print_property(key, true, &mut choices, &mut text);
            text.push_str(["=", " = ", ":", "\t:"][choices.pick(4)]);
            print_property(value, false, &mut choices, &mut text);
            text.push_str(["\n", "\r\n"][choices.pick(2)]);
        }
        let tree = properties::parse(&text);
        prop_assert_eq!(&tree.problems, &[], "{}", text);
        let expected = entries.into_iter().map(|(key, value)| (key, Value::Text(value))).collect();
        assert_same(&tree.documents[0], &Value::Map(expected));
        spans::check(&text, &tree, spans::properties);
    }

    #[test]
    fn environment_files_in_all_quotes(
        values in prop::collection::vec(text(), 1..8),
        mut choices in choices(),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (n, value) in values.into_iter().enumerate() {
            text.push_str(["", "# note\n", "export ", "\r\n"][choices.pick(4)]);
            write!(text, "KEY_{n}{}", ["=", " = ", ": "][choices.pick(3)]).unwrap();
            print_variable(&value, &mut choices, &mut text);
            text.push('\n');
            expected.push((format!("KEY_{n}"), Value::Text(value)));
        }
        let tree = dotenv::parse(&text);
        prop_assert_eq!(&tree.problems, &[], "{}", text);
        assert_same(&tree.documents[0], &Value::Map(expected));
        spans::check(&text, &tree, spans::dotenv);
    }

    #[test]
    fn any_text_is_read_without_panic(text in prop_oneof![
        any::<String>(),
        "[ -~\t\n\r\u{0}가😀]{0,80}",
        "([a-c#&*!|>%@'\"\\\\{}\\[\\]?,:<=$-] ?|\n {0,4}|\r\n){0,60}",
        "((FROM|RUN|ENV|COPY|ARG|ONBUILD|HEALTHCHECK) |[a-c<=\\\\'\"\\[\\]$-] ?|\\\\?\n| <<E|E\n){0,40}",
    ]) {
        spans::check(&text, &yaml::parse(&text), spans::yaml);
        spans::check(&text, &properties::parse(&text), spans::properties);
        spans::check(&text, &dotenv::parse(&text), spans::dotenv);
        spans::check(&text, &json::parse(&text), spans::json);
        spans::check_dockerfile(&text, &dockerfile::parse(&text));
    }
}
