//! Properties on a service's command line.

use wonin_model::{Located, Service};

/// Variables whose text becomes arguments of the virtual machine.
const VARIABLES: &[&str] = &["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "_JAVA_OPTIONS"];

/// Properties given as `-Dname=value` or `--name=value`, the weakest first.
pub(super) fn properties(service: &Service) -> Vec<(String, Located<String>)> {
    let mut system = Vec::new();
    let mut own = Vec::new();
    for text in VARIABLES.iter().filter_map(|name| service.environment.get(*name)) {
        for word in text.split(' ') {
            system.extend(property(&word, "-D"));
        }
    }
    for words in service.entrypoint.iter().chain(&service.command) {
        for word in &words.value {
            // A shell's command is one word.
            for part in word.split_whitespace() {
                let part = words.with(part.trim_matches(['"', '\'']).to_owned());
                system.extend(property(&part, "-D"));
                own.extend(property(&part, "--"));
            }
        }
    }
    system.extend(own);
    system
}

fn property(word: &Located<String>, prefix: &str) -> Option<(String, Located<String>)> {
    let rest = word.value.strip_prefix(prefix)?;
    let (name, value) = rest.split_once('=')?;
    if !name.contains('.') || name.contains(['$', '/']) {
        return None;
    }
    let start = prefix.len() + name.len() + 1;
    Some((name.to_owned(), word.part(start..start + value.len())))
}
