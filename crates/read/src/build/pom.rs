//! Maven's `pom.xml`.

use roxmltree::{Document, Node};
use wonin_model::{Located, Skipped};
use wonin_text::{FileId, SourceFile};

use super::{BuildFile, SPRING_BOOT, place};

/// Artifacts whose version is Spring Boot's.
const BOOT: &[&str] = &[
    "spring-boot-starter-parent",
    "spring-boot-dependencies",
    "spring-boot-maven-plugin",
    "spring-boot-parent",
    "spring-boot",
];

pub(super) fn read(file: FileId, source: &SourceFile, skipped: &mut Vec<Skipped>) -> BuildFile {
    let mut build = BuildFile::default();
    let document = match Document::parse(source.text()) {
        Ok(document) => document,
        Err(why) => {
            let path = source.path().to_owned();
            skipped.push(Skipped { path, place: None, why: format!("not XML: {why}") });
            return build;
        }
    };
    let root = document.root_element();
    let own = own_version(file, root);
    for name in ["project.version", "version"] {
        build.variables.extend(own.clone().map(|version| (name.to_owned(), version)));
    }
    for properties in root.descendants().filter(|node| node.has_tag_name_local("properties")) {
        for property in properties.children().filter(Node::is_element) {
            if let Some(value) = text(file, property) {
                build.variables.insert(property.tag_name().name().to_owned(), value);
            }
        }
    }
    for node in root.descendants() {
        match node.tag_name().name() {
            "parent" | "dependency" | "plugin" => coordinate(file, node, &mut build),
            _ => {}
        }
    }
    build
}

/// Elements are matched by local name: a pom may or may not name its namespace.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn coordinate(file: FileId, node: Node<'_, '_>, build: &mut BuildFile) {
    let Some(artifact) = child(file, node, "artifactId") else { return };
    let group = child(file, node, "groupId").map(|group| group.value).unwrap_or_default();
    let version = child(file, node, "version");
    let library = format!("{group}:{}", artifact.value);
    let is_boot = BOOT.contains(&artifact.value.as_str());
    if let Some(version) = version {
        if is_boot && (group == "org.springframework.boot" || group.is_empty()) {
            build.version(SPRING_BOOT, version.clone());
        }
        build.version(&library, version);
    }
    if node.tag_name().name() == "dependency" {
        build.dependencies.insert(library);
    }
}

fn own_version(file: FileId, root: Node<'_, '_>) -> Option<Located<String>> {
    child(file, root, "version").or_else(|| {
        let parent = root.children().find(|node| node.has_tag_name_local("parent"))?;
        child(file, parent, "version")
    })
}

fn child(file: FileId, node: Node<'_, '_>, name: &str) -> Option<Located<String>> {
    text(file, node.children().find(|child| child.has_tag_name_local(name))?)
}

/// The trimmed text of an element, where it is one piece.
fn text(file: FileId, node: Node<'_, '_>) -> Option<Located<String>> {
    let piece = node.children().find(Node::is_text)?;
    let whole = piece.text()?;
    let trimmed = whole.trim();
    if trimmed.is_empty() {
        return None;
    }
    let lead = whole.len() - whole.trim_start().len();
    Some(Located::written(
        trimmed.to_owned(),
        place(file, piece.range().start + lead, trimmed.len()),
    ))
}
