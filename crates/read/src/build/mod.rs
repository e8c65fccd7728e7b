//! Build files, as far as they tell which versions of which libraries an application runs with.

mod catalog;
mod gradle;
mod pom;

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{Interpolated, Located, Skipped};
use wonin_text::{FileId, Place, SourceFile, Span};

use crate::fragment::{Content, Format};

/// Spring Boot itself, whatever the build file calls it: parent, plugin or dependency.
pub(crate) const SPRING_BOOT: &str = "org.springframework.boot:spring-boot";

/// How many variables may stand for one another.
const MAX_REFERENCES: usize = 10;

/// What one build file says.
#[derive(Debug, Default)]
pub(crate) struct BuildFile {
    /// Versions by `group:artifact`, as written: they may name variables.
    pub(crate) versions: BTreeMap<String, Located<String>>,
    /// Libraries it asks for, by `group:artifact`.
    pub(crate) dependencies: BTreeSet<String>,
    /// Variables by name.
    pub(crate) variables: BTreeMap<String, Located<String>>,
}

impl BuildFile {
    /// Notes a version; the first one stays.
    fn version(&mut self, library: &str, version: Located<String>) {
        self.versions.entry(library.to_owned()).or_insert(version);
    }
}

/// The formats of this module.
pub(crate) const FORMAT: Format =
    Format { name: "build", claims: |path| parser_of(path).is_some(), accepts: |_, _| true, parse };

type Parser = fn(FileId, &SourceFile, &mut Vec<Skipped>) -> BuildFile;

fn parser_of(path: &str) -> Option<Parser> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "pom.xml" => Some(pom::read),
        "build.gradle"
        | "build.gradle.kts"
        | "settings.gradle"
        | "settings.gradle.kts"
        | "gradle.properties" => Some(|file, source, _| gradle::read(file, source.text())),
        "libs.versions.toml" => Some(|file, source, _| catalog::read(file, source.text())),
        _ => None,
    }
}

fn parse(file: FileId, source: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let parser = parser_of(source.path());
    Content::Build(parser.map(|read| read(file, source, skipped)).unwrap_or_default())
}

/// The version of a library as seen from a directory: the first of `chain` that names one, its
/// variables looked up along the whole chain. `chain` is the build files of the directory, then
/// those of the directories above.
pub(crate) fn version(chain: &[&BuildFile], library: &str) -> Option<Located<String>> {
    let written = chain.iter().find_map(|build| build.versions.get(library))?;
    resolve(chain, written)
}

/// A version with its variables filled in; `None` where one is not defined.
fn resolve(chain: &[&BuildFile], written: &Located<String>) -> Option<Located<String>> {
    let mut current = written.clone();
    let mut from: Vec<Place> = Vec::new();
    for _ in 0..MAX_REFERENCES {
        let Some(name) = variable_in(&current.value) else {
            let origin = match written.place() {
                Some(place) if !from.is_empty() => {
                    Interpolated { place, from, unset: Vec::new() }.into()
                }
                _ => current.origin,
            };
            return Some(Located { value: current.value, origin });
        };
        let name = name.to_owned();
        current = chain.iter().find_map(|build| build.variables.get(&name))?.clone();
        from.extend(current.place());
    }
    None
}

/// The variable that a version text stands for: `${spring.version}`, `$bootVersion`,
/// `${rootProject.ext.bootVersion}`, a bare name, `@boot` for a reference within a catalogue.
fn variable_in(text: &str) -> Option<&str> {
    if let Some(reference) = text.strip_prefix('@') {
        return Some(reference);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let inside = text.split_once('$').map_or(text, |(_, inside)| inside);
    let inside = inside.strip_prefix('{').map_or(inside, |i| i.split('}').next().unwrap_or(i));
    let inside = inside.trim_end_matches([')', ']', '"', '\'']);
    let quoted = inside.rsplit(['"', '\'']).next().unwrap_or(inside);
    let scopes = ["rootProject.ext.", "rootProject.", "project.ext.", "ext.", "versions."];
    let plain = scopes.iter().find_map(|scope| quoted.strip_prefix(scope)).unwrap_or(quoted);
    (!plain.is_empty()).then_some(plain)
}

/// The bytes `start..start + length` of a file.
fn place(file: FileId, start: usize, length: usize) -> Place {
    Place { file, span: Span::new(start, start + length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> BuildFile {
        let source = SourceFile::new(path, text);
        let mut skipped = Vec::new();
        let content = parse(FileId(0), &source, &mut skipped);
        assert_eq!(skipped, []);
        let Content::Build(build) = content else { panic!("a build file") };
        for version in build.versions.values() {
            let written = source.slice(version.place().unwrap().span);
            assert!(written == version.value || version.value.starts_with('@'), "{written}");
        }
        build
    }

    fn boot(chain: &[&BuildFile]) -> Option<String> {
        version(chain, SPRING_BOOT).map(|version| version.value)
    }

    #[test]
    fn maven_parent_property_and_management() {
        let parent = read(
            "pom.xml",
            "<project><parent><groupId>org.springframework.boot</groupId>
            <artifactId>spring-boot-starter-parent</artifactId><version>3.2.1</version></parent>
            <properties><pinot.version>1.0.0</pinot.version></properties></project>",
        );
        assert_eq!(boot(&[&parent]).as_deref(), Some("3.2.1"));
        let child = read(
            "app/pom.xml",
            "<project xmlns='http://maven.apache.org/POM/4.0.0'>
            <dependencies><dependency><groupId>org.apache.pinot</groupId>
            <artifactId>pinot-java-client</artifactId><version>${pinot.version}</version>
            </dependency></dependencies></project>",
        );
        assert!(child.dependencies.contains("org.apache.pinot:pinot-java-client"));
        let pinot = version(&[&child, &parent], "org.apache.pinot:pinot-java-client").unwrap();
        assert_eq!(pinot.value, "1.0.0");
        assert_eq!(pinot.origin.places().len(), 2);
        assert_eq!(version(&[&child], "org.apache.pinot:pinot-java-client"), None);
    }

    #[test]
    fn gradle_in_both_languages() {
        let groovy = read(
            "build.gradle",
            "plugins {\n  id 'org.springframework.boot' version '3.4.0'\n}\n
            dependencies { // implementation 'org.apache.kafka:kafka-clients:1.0.0'
              implementation 'org.springframework.kafka:spring-kafka'
              implementation \"org.apache.kafka:kafka-clients:${kafkaVersion}\"\n}",
        );
        assert_eq!(boot(&[&groovy]).as_deref(), Some("3.4.0"));
        assert!(groovy.dependencies.contains("org.springframework.kafka:spring-kafka"));
        let properties = read("gradle.properties", "kafkaVersion=3.6.1\n");
        let kafka = version(&[&groovy, &properties], "org.apache.kafka:kafka-clients").unwrap();
        assert_eq!(kafka.value, "3.6.1");
        let kotlin = read(
            "build.gradle.kts",
            "val bootVersion = \"2.7.18\"\nplugins {
            id(\"org.springframework.boot\") version bootVersion }\n",
        );
        assert_eq!(boot(&[&kotlin]).as_deref(), Some("2.7.18"));
        let old = read(
            "build.gradle",
            "buildscript { ext { springBootVersion = '2.1.0.RELEASE' }
            dependencies { classpath(\"org.springframework.boot:spring-boot-gradle-plugin:\
            ${springBootVersion}\") } }",
        );
        assert_eq!(boot(&[&old]).as_deref(), Some("2.1.0.RELEASE"));
    }

    #[test]
    fn gradle_catalogue() {
        let catalog = read("gradle/libs.versions.toml", "[versions]\nboot = \"3.3.0\" # now\n
            [libraries]\nkafka = { module = \"org.apache.kafka:kafka-clients\", version = \"3.7.0\" }\n
            [plugins]\nspring = { id = \"org.springframework.boot\", version.ref = \"boot\" }\n");
        assert_eq!(boot(&[&catalog]).as_deref(), Some("3.3.0"));
        let kafka = version(&[&catalog], "org.apache.kafka:kafka-clients").unwrap();
        assert_eq!(kafka.value, "3.7.0");
    }

    #[test]
    fn broken_xml_is_told() {
        let mut skipped = Vec::new();
        let source = SourceFile::new("pom.xml", "<project><parent></project>");
        parse(FileId(0), &source, &mut skipped);
        assert_eq!(skipped.len(), 1);
    }
}
