//! One configuration file of Spring Boot: its documents as flat lists of properties.

use wonin_model::{Inheritance, Inherited, Located, Origin, Skipped};
use wonin_syntax::{Node, Tree};
use wonin_text::{FileId, Place, SourceFile, Span};

use super::names::canonical;
use crate::fragment::{Content, Format};
use crate::paths::file_name;

/// How many properties one file may hold; aliases could make it any number.
const MAX_PROPERTIES: usize = 20_000;

/// A file of properties.
#[derive(Debug, Default)]
pub(crate) struct SpringFile {
    /// The profile that its name carries: `prod` of `application-prod.yml`.
    pub(crate) profile: Option<String>,
    /// Its documents in order.
    pub(crate) documents: Vec<Document>,
}

/// One document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The profiles on which it counts, as written.
    pub(crate) on_profile: Option<Located<String>>,
    /// Its properties in the order of the text.
    pub(crate) entries: Vec<Entry>,
}

/// One property.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The whole key as written (`spring.kafka.consumer.session.timeout.ms`), at the place of its
    /// last part.
    pub(crate) key: Located<String>,
    /// Its canonical name.
    pub(crate) name: String,
    /// Its value as written.
    pub(crate) value: Located<String>,
}

/// Spring Boot's configuration.
pub(crate) const FORMAT: Format = Format { name: "spring", claims, accepts, parse };

/// `application` or `bootstrap`, a profile perhaps, and an ending that Spring Boot reads; not
/// among the tests.
fn claims(path: &str) -> bool {
    !crate::java::is_test(path) && parts(file_name(path)).is_some()
}

/// Other programs have files of that name, too: manifests of Kubernetes.
fn accepts(_: &str, text: &str) -> bool {
    !text.lines().any(|line| line.starts_with("apiVersion:"))
}

/// Stem, profile and ending of a file name.
fn parts(name: &str) -> Option<(&'static str, Option<&str>, &str)> {
    let (base, ending) = name.rsplit_once('.')?;
    if !matches!(ending, "yml" | "yaml" | "properties") {
        return None;
    }
    let stem = ["application", "bootstrap"].into_iter().find(|stem| base.starts_with(stem))?;
    let rest = &base[stem.len()..];
    match rest.strip_prefix('-') {
        Some(profile) if !profile.is_empty() => Some((stem, Some(profile), ending)),
        None if rest.is_empty() => Some((stem, None, ending)),
        _ => None,
    }
}

/// Whether the file belongs to the bootstrap context.
pub(crate) fn is_bootstrap(path: &str) -> bool {
    file_name(path).starts_with("bootstrap")
}

fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let is_properties = file.path().ends_with(".properties");
    let tree = if is_properties {
        wonin_syntax::properties::parse(file.text())
    } else {
        wonin_syntax::yaml::parse(file.text())
    };
    for problem in &tree.problems {
        let place = Some(Place { file: id, span: problem.span });
        let why = problem.message.clone();
        skipped.push(Skipped { path: file.path().to_owned(), place, why });
    }
    let understood = understand(id, file.path(), &tree);
    if understood.documents.iter().any(|document| document.entries.len() >= MAX_PROPERTIES) {
        let place = Some(Place { file: id, span: Span::default() });
        let why = format!("{MAX_PROPERTIES} properties or more: what comes after them is left out");
        skipped.push(Skipped { path: file.path().to_owned(), place, why });
    }
    Content::Spring(understood)
}

/// The documents of a tree.
pub(crate) fn understand(id: FileId, path: &str, tree: &Tree) -> SpringFile {
    let profile = parts(file_name(path)).and_then(|(_, profile, _)| profile.map(str::to_owned));
    let documents = tree.documents.iter().map(|root| document(id, root)).collect();
    SpringFile { profile, documents }
}

fn document(file: FileId, root: &Node) -> Document {
    let mut flat = Flat { file, entries: Vec::new() };
    flat.mapping(root, "", None);
    let mut document = Document { on_profile: None, entries: flat.entries };
    // Before Spring Boot 2.4 `spring.profiles` chose the document.
    let chooses =
        |name: &str| matches!(name, "spring.config.activate.on-profile" | "spring.profiles");
    let on_profile = document.entries.iter().find(|entry| chooses(&entry.name));
    document.on_profile = on_profile.map(|entry| entry.value.clone());
    document
}

/// A tree made flat.
struct Flat {
    file: FileId,
    entries: Vec<Entry>,
}

impl Flat {
    fn place(&self, span: Span) -> Place {
        Place { file: self.file, span }
    }

    fn origin(&self, span: Span, via: Option<Span>) -> Origin {
        let place = self.place(span);
        match via {
            Some(via) => {
                Inherited { place, via: vec![self.place(via)], how: Inheritance::Alias }.into()
            }
            None => Origin::Written(place),
        }
    }

    fn mapping(&mut self, node: &Node, prefix: &str, via: Option<Span>) {
        for entry in node.entries() {
            let Some(key) = entry.key.as_str() else { continue };
            let joined = match prefix {
                "" => key.to_owned(),
                _ if key.starts_with('[') => format!("{prefix}{key}"),
                _ => format!("{prefix}.{key}"),
            };
            self.value(&entry.value, joined, entry.key.value_span(), via);
        }
    }

    fn value(&mut self, node: &Node, key: String, key_span: Span, via: Option<Span>) {
        if self.entries.len() >= MAX_PROPERTIES {
            return;
        }
        let via = node.via().or(via);
        if node.is_mapping() && !node.entries().is_empty() {
            self.mapping(node, &key, via);
            return;
        }
        let items = node.items();
        for (index, item) in items.iter().enumerate() {
            self.value(item, format!("{key}[{index}]"), key_span, via);
        }
        let value = match node.as_str() {
            Some(text) => text.to_owned(),
            // A list of single values counts as one text with commas, too.
            None if !items.is_empty() => {
                let texts: Option<Vec<&str>> = items.iter().map(Node::as_str).collect();
                let Some(texts) = texts else { return };
                texts.join(",")
            }
            None => String::new(),
        };
        let name = canonical(&key);
        let key = Located { value: key, origin: self.origin(key_span, via) };
        let value = Located { value, origin: self.origin(node.value_span(), via) };
        self.entries.push(Entry { key, name, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> SpringFile {
        assert!(claims(path));
        let source = SourceFile::new(path, text);
        let Content::Spring(file) = parse(FileId(0), &source, &mut Vec::new()) else {
            panic!("a Spring file")
        };
        file
    }

    fn pairs(document: &Document) -> Vec<(&str, &str)> {
        let entries = document.entries.iter();
        entries.map(|entry| (entry.name.as_str(), entry.value.value.as_str())).collect()
    }

    #[test]
    fn yaml_becomes_flat() {
        let text = "spring:\n  kafka:\n    bootstrapServers:\n      - a:1\n      - b:2\n    consumer:\n      \
                    session.timeout.ms: 1000\n      properties:\n        \"[max.poll.interval.ms]\": 5\n---\n\
                    spring.config.activate.on-profile: prod\nx: y\n";
        let file = read("src/main/resources/application.yml", text);
        assert_eq!(
            pairs(&file.documents[0]),
            [
                ("spring.kafka.bootstrap-servers[0]", "a:1"),
                ("spring.kafka.bootstrap-servers[1]", "b:2"),
                ("spring.kafka.bootstrap-servers", "a:1,b:2"),
                ("spring.kafka.consumer.session.timeout.ms", "1000"),
                ("spring.kafka.consumer.properties.max.poll.interval.ms", "5"),
            ]
        );
        let key = &file.documents[0].entries[3].key;
        assert_eq!(&text[key.place().unwrap().span.range()], "session.timeout.ms");
        assert_eq!(key.value, "spring.kafka.consumer.session.timeout.ms");
        assert_eq!(file.documents[1].on_profile.as_ref().unwrap().value, "prod");
    }

    #[test]
    fn aliases_that_multiply_are_cut_and_named() {
        let list = |of: &str| [of; 10].join(", ");
        let text = format!(
            "a: &a [{}]\nb: &b [{}]\nc: &c [{}]\nd: &d [{}]\ne: [{}]\n",
            list("x"),
            list("*a"),
            list("*b"),
            list("*c"),
            list("*d"),
        );
        let mut skipped = Vec::new();
        parse(FileId(0), &SourceFile::new("application.yml", text), &mut skipped);
        let [cut] = skipped.as_slice() else { panic!("one: {skipped:?}") };
        assert_eq!(cut.why, "20000 properties or more: what comes after them is left out");
    }

    #[test]
    fn properties_have_documents_and_names_have_profiles() {
        let file = read("application-prod.properties", "a.b-c=1\n#---\na.bC=2\n");
        assert_eq!(file.profile.as_deref(), Some("prod"));
        assert_eq!(pairs(&file.documents[0]), [("a.b-c", "1")]);
        assert_eq!(pairs(&file.documents[1]), [("a.b-c", "2")]);
    }

    #[test]
    fn other_files_are_left_alone() {
        for path in
            ["applications.yml", "app.yml", "src/test/resources/application.yml", "application.xml"]
        {
            assert!(!claims(path), "{path}");
        }
        assert!(claims("bootstrap.yaml") && claims("config/application.properties"));
    }
}
