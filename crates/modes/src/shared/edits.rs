//! Repairs that insert a line beside one that is written, in its style.

use wonin_model::{FileEdit, Fix, KafkaBroker, Located, Origin, Service};
use wonin_text::{Edit, Place, SourceFile, Sources, Span};

use super::kafka::Cluster;

/// Adds `key: value` in front of the first key of a service; `None` where its layout is not known.
pub(crate) fn add_service_key(
    sources: &Sources,
    service: &Service,
    text: &str,
) -> Option<FileEdit> {
    let body = service.body?;
    let file = sources.file(body.file);
    let at = body.span.start as usize;
    let before = line_before(file, at)?;
    if before.trim().is_empty() {
        return Some(in_front(file, body, text, before));
    }
    before.trim_end().ends_with('{').then(|| insert(body, at, format!("{text}, ")))
}

/// A line in front of the one at the place, which begins with `indent`; above the comments that
/// tell of that one.
fn in_front(file: &SourceFile, place: Place, text: &str, indent: &str) -> FileEdit {
    let at = place.span.start as usize;
    let line = at - indent.len();
    let mut start = line;
    while let Some(above) = file.text()[..start].strip_suffix('\n') {
        let above_start = above.rfind('\n').map_or(0, |at| at + 1);
        if !above[above_start..].trim_start().starts_with('#') {
            break;
        }
        start = above_start;
    }
    if start == line {
        insert(place, at, format!("{text}\n{indent}"))
    } else {
        insert(place, start, format!("{indent}{text}\n"))
    }
}

/// Adds an argument (or a block of several lines) in front of what a block of Terraform holds;
/// `None` where the place is none that is laid out over several lines.
pub(crate) fn add_argument(sources: &Sources, block: Place, lines: &[&str]) -> Option<FileEdit> {
    let file = sources.file(block.file);
    let text = file.slice(block.span);
    let header = &text[..text.find('{')?];
    let is_block = header.starts_with("resource") || header.trim().chars().all(is_name);
    let rest = &text[header.len() + 1..];
    let broken = rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
    if !is_block || !broken {
        return None;
    }
    let start = block.span.start as usize;
    let before = line_before(file, start)?;
    let indent = if before.trim().is_empty() { before } else { "" };
    let added: Vec<String> = lines.iter().map(|line| format!("\n{indent}  {line}")).collect();
    Some(insert(block, start + header.len() + 1, added.concat()))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A repair that puts a text of Terraform in the place of another value, in quotes unless those
/// around the old one stay.
pub(crate) fn replace_text(
    sources: &Sources,
    title: impl Into<String>,
    value: &Located<String>,
    by: &str,
) -> Fix {
    let quoted = value.place().is_some_and(|place| {
        let before = sources.file(place.file).text().get(..place.span.start as usize);
        before.is_some_and(|before| before.ends_with('"'))
    });
    let text = if quoted { by.to_owned() } else { format!("\"{by}\"") };
    Fix::replace(title, value, text)
}

/// Adds an entry in front of the first one of a YAML mapping; `None` where its layout is not
/// known.
pub(crate) fn add_entry(sources: &Sources, mapping: Place, text: &str) -> Option<FileEdit> {
    let file = sources.file(mapping.file);
    let at = mapping.span.start as usize;
    if file.text().get(at..)?.starts_with('{') {
        return Some(insert(mapping, at + 1, format!("{text}, ")));
    }
    let before = line_before(file, at)?;
    before.trim().is_empty().then(|| in_front(file, mapping, text, before))
}

/// Gives every broker of a cluster a property, beside one that it already has. Nodes that share
/// the text of their settings get it once; `None` where one of them cannot be given it.
pub(crate) fn add_property(
    sources: &Sources,
    cluster: &Cluster<'_>,
    property: &str,
    value: &str,
) -> Option<Vec<FileEdit>> {
    let mut edits = Vec::new();
    for broker in cluster.brokers() {
        edits.push(beside_one_of(sources, broker, property, value)?);
    }
    edits.sort();
    edits.dedup();
    (!edits.is_empty()).then_some(edits)
}

fn beside_one_of(
    sources: &Sources,
    broker: &KafkaBroker,
    property: &str,
    value: &str,
) -> Option<FileEdit> {
    const USUAL: [&str; 9] = [
        "node.id",
        "broker.id",
        "process.roles",
        "controller.quorum.voters",
        "zookeeper.connect",
        "advertised.listeners",
        "listeners",
        "offsets.topic.replication.factor",
        "default.replication.factor",
    ];
    USUAL.iter().find_map(|known| {
        let written = broker.settings.written(known)?;
        beside(sources, written, known, property, value)
    })
}

/// The text that is a value: where it is written, or where the variable that it is stands.
pub(crate) fn text_of(sources: &Sources, value: &Located<String>) -> Option<Place> {
    let is_it = |place: &Place| sources.slice(*place).trim() == value.value.trim();
    let place = value.place().filter(is_it).or_else(|| match &value.origin {
        Origin::Interpolated(filled) => match filled.from.as_slice() {
            [one] => Some(*one).filter(is_it),
            _ => None,
        },
        _ => None,
    });
    place.map(|place| trimmed(sources, place))
}

/// The text that is a comma-separated list. Variables within entries do not hinder, as long as each
/// entry has its `mark` in the text. `None` where the list is computed.
pub(crate) fn list_text(sources: &Sources, list: &Located<String>, mark: &str) -> Option<Place> {
    text_of(sources, list).or_else(|| {
        let place = list.place().filter(|_| matches!(list.origin, Origin::Interpolated(_)))?;
        let raw = sources.slice(place);
        let same = raw.matches(mark).count() == list.value.matches(mark).count();
        let whole = !raw.contains(['"', '\'', '\n', '=']);
        let marked = raw.split(',').all(|one| one.contains(mark));
        (same && whole && marked).then(|| trimmed(sources, place))
    })
}

fn trimmed(sources: &Sources, place: Place) -> Place {
    let raw = sources.slice(place);
    let lead = raw.len() - raw.trim_start().len();
    place.part(lead..lead + raw.trim().len())
}

/// A line after the one of a written setting (`known` is its property name): an item of a list, an
/// entry of a mapping, or a line of a properties file.
pub(crate) fn beside(
    sources: &Sources,
    written: &Located<String>,
    known: &str,
    property: &str,
    value: &str,
) -> Option<FileEdit> {
    let place = written.place()?;
    let file = sources.file(place.file);
    let line = file.line(file.position(place.span.start as usize).line)?;
    if place.span.end > line.end {
        return None;
    }
    // Something behind the value is part of a longer text, such as a command.
    let after = file.text().get(place.span.end as usize..line.end as usize)?;
    let after = after.trim_start_matches(['"', '\'']).trim_start();
    if !after.is_empty() && !after.starts_with('#') {
        return None;
    }
    let text = file.slice(line);
    let indent = &text[..text.len() - text.trim_start().len()];
    let item = text.trim_start().strip_prefix("- ");
    let rest = item.unwrap_or(text.trim_start());
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let rest = rest.trim_start_matches(['"', '\'']);
    let key = &rest[..rest.find([':', '=', '"', '\'', ' '])?];
    if (item, key) == (None, "value") {
        return pair_beside(file, place, indent, known, property, value);
    }
    let name = named_like(key, known, property)?;
    let is_yaml = rest[key.len()..].trim_start_matches(['"', '\'']).starts_with(':');
    let new = match (item, !is_yaml || !text.contains(": ")) {
        (Some(_), _) => {
            let quote = quote.map(String::from).unwrap_or_default();
            format!("\n{indent}- {quote}{name}={value}{quote}")
        }
        (None, true) => format!("\n{indent}{name}={value}"),
        (None, false) => {
            let quote = if takes_bare(file, place, value) { "" } else { "\"" };
            format!("\n{indent}{name}: {quote}{value}{quote}")
        }
    };
    Some(insert(place, line.end as usize, new))
}

/// A pair after the one whose value stands at the place, as containers of Kubernetes have their
/// variables: an item `name: X` with `value: Y` in its second line.
fn pair_beside(
    file: &SourceFile,
    place: Place,
    indent: &str,
    known: &str,
    property: &str,
    value: &str,
) -> Option<FileEdit> {
    let number = file.position(place.span.start as usize).line;
    let line = file.line(number)?;
    let above = file.slice(file.line(number.checked_sub(1)?)?);
    let outer = &above[..above.len() - above.trim_start().len()];
    let key = above.trim_start().strip_prefix("- ")?.trim_start().strip_prefix("name:")?;
    let name = named_like(key.trim().trim_matches(['"', '\'']), known, property)?;
    let new = format!("\n{outer}- name: {name}\n{indent}value: \"{value}\"");
    Some(insert(place, line.end as usize, new))
}

/// Whether a value may stand bare below another one: a number where numbers do, and what is text in
/// any case. Some mappings take text alone (the data of a ConfigMap).
fn takes_bare(file: &SourceFile, beside: Place, value: &str) -> bool {
    let text = file.text();
    let before = text.get(..beside.span.start as usize).unwrap_or_default();
    let is_number = |text: &str| text.trim().parse::<f64>().is_ok();
    let is_bare = !before.ends_with(['"', '\'']);
    let is_text = !is_number(value) && value.parse::<bool>().is_err();
    is_text || is_bare && is_number(file.slice(beside.span))
}

/// The name of `property` in the spelling in which `key` spells `known`.
fn named_like(key: &str, known: &str, property: &str) -> Option<String> {
    if key == known {
        return Some(property.to_owned());
    }
    let upper = |name: &str| name.replace('.', "_").to_ascii_uppercase();
    let prefix = key.strip_suffix(&upper(known))?;
    Some(format!("{prefix}{}", upper(property)))
}

fn line_before(file: &SourceFile, at: usize) -> Option<&str> {
    let line = file.line(file.position(at).line)?;
    file.text().get(line.start as usize..at)
}

/// An edit that inserts text at an offset of the place's file.
pub(crate) fn insert(place: Place, at: usize, replacement: String) -> FileEdit {
    FileEdit { file: place.file, edit: Edit { span: Span::new(at, at), replacement } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_entries_follow_the_layout_around_them() {
        let mut sources = Sources::default();
        let text = "resource \"a\" \"b\" {\n  name = 1\n}\n";
        let file = sources.add(SourceFile::new("main.tf", text));
        let block = Place { file, span: Span::new(0, text.len() - 1) };
        let edit = add_argument(&sources, block, &["x {", "  y = 1", "}"]).expect("a block");
        let expected = "resource \"a\" \"b\" {\n  x {\n    y = 1\n  }\n  name = 1\n}\n";
        assert_eq!(wonin_text::apply(text, &[edit.edit]).as_deref(), Ok(expected));
        let text = "probe:\n  a: 1\nflow: {a: 1}\n";
        let file = sources.add(SourceFile::new("a.yaml", text));
        let place = |at: usize| Place { file, span: Span::new(at, at + 4) };
        let block = add_entry(&sources, place(9), "b: 2").expect("a mapping");
        let flow = add_entry(&sources, place(20), "b: 2").expect("a mapping");
        let expected = "probe:\n  b: 2\n  a: 1\nflow: {b: 2, a: 1}\n";
        assert_eq!(wonin_text::apply(text, &[block.edit, flow.edit]).as_deref(), Ok(expected));
        // A comment stays above the line that it tells of.
        let text = "probe:\n  # One,\n  # and only one.\n  a: 1\n";
        let file = sources.add(SourceFile::new("b.yaml", text));
        let at = Place { file, span: Span::new(36, 40) };
        let edit = add_entry(&sources, at, "b: 2").expect("a mapping");
        let expected = "probe:\n  b: 2\n  # One,\n  # and only one.\n  a: 1\n";
        assert_eq!(wonin_text::apply(text, &[edit.edit]).as_deref(), Ok(expected));
    }

    /// The text after `NODE_ID` (`node.id`) got a neighbour.
    fn after(text: &str, value: &str) -> Option<String> {
        let mut sources = Sources::default();
        let file = sources.add(SourceFile::new("f", text));
        let at = text.find(value).expect("the value is there");
        let place = Place { file, span: Span::new(at, at + value.len()) };
        let written = Located::written(value.to_owned(), place);
        let edit = beside(&sources, &written, "node.id", "default.replication.factor", "3")?;
        wonin_text::apply(text, &[edit.edit]).ok()
    }

    #[test]
    fn the_new_line_follows_the_style_of_its_neighbour() {
        let list = after("  - KAFKA_CFG_NODE_ID=7\n  - B=1\n", "7");
        let expected =
            "  - KAFKA_CFG_NODE_ID=7\n  - KAFKA_CFG_DEFAULT_REPLICATION_FACTOR=3\n  - B=1\n";
        assert_eq!(list.as_deref(), Some(expected));
        let map = after("    KAFKA_NODE_ID: 7 # first\n", "7");
        let expected = "    KAFKA_NODE_ID: 7 # first\n    KAFKA_DEFAULT_REPLICATION_FACTOR: 3\n";
        assert_eq!(map.as_deref(), Some(expected));
        let dotted = after("node.id: 7\n", "7");
        assert_eq!(dotted.as_deref(), Some("node.id: 7\ndefault.replication.factor: 3\n"));
        let pair = after("  - name: KAFKA_NODE_ID\n    value: \"7\"\n", "7");
        let expected = "  - name: KAFKA_NODE_ID\n    value: \"7\"\n  - name: \
                        KAFKA_DEFAULT_REPLICATION_FACTOR\n    value: \"3\"\n";
        assert_eq!(pair.as_deref(), Some(expected));
        assert_eq!(after("  - name: OTHER\n    value: \"7\"\n", "7"), None);
        let data = after("    KAFKA_NODE_ID: \"7\"\n", "7");
        let expected = "    KAFKA_NODE_ID: \"7\"\n    KAFKA_DEFAULT_REPLICATION_FACTOR: \"3\"\n";
        assert_eq!(data.as_deref(), Some(expected));
        let quoted = after("  - \"KAFKA_NODE_ID=7\"\n", "7");
        let expected = "  - \"KAFKA_NODE_ID=7\"\n  - \"KAFKA_DEFAULT_REPLICATION_FACTOR=3\"\n";
        assert_eq!(quoted.as_deref(), Some(expected));
        let properties = after("node.id=7", "7");
        assert_eq!(properties.as_deref(), Some("node.id=7\ndefault.replication.factor=3"));
    }

    #[test]
    fn no_line_is_added_where_the_style_is_not_known() {
        assert_eq!(after("environment: { KAFKA_NODE_ID: 7 }\n", "7"), None);
        assert_eq!(after("broker: 7\n", "7"), None);
        assert_eq!(after("KAFKA_NODE_ID=7 exec run\n", "7"), None);
    }
}
