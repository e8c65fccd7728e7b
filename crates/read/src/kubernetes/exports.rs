//! Variables that a container's own script exports before it starts the program.

use wonin_model::{Located, Service};
use wonin_text::Sources;

use super::environment::filled;
use crate::servers::{Words, expand_text};

/// Puts what the script exports into the environment of the service. What only the running shell
/// knows, or sets under a condition, is not certain.
pub(super) fn apply(words: &Words, sources: &Sources, service: &mut Service) {
    for command in words.commands() {
        let mut words = command.iter().peekable();
        if words.next_if(|word| is_shell(&word.value)).is_some() {
            while words.next_if(|word| is_option(&word.value)).is_some() {}
        }
        let conditional = words.next_if(|word| is_branch(&word.value)).is_some();
        words.next_if(|word| word.value == "export");
        while let Some(word) = words.next_if(|word| assigned(&word.value).is_some()) {
            let Some(name) = assigned(&word.value) else { break };
            let name = name.to_owned();
            let value = value(word, name.len() + 1, conditional, sources, service);
            service.environment.insert(name, value);
        }
    }
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') || word == "pipefail"
}

fn is_branch(word: &str) -> bool {
    matches!(word, "then" | "else" | "do")
}

/// The name in `NAME=value`.
fn assigned(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn value(
    word: &Located<String>,
    start: usize,
    conditional: bool,
    sources: &Sources,
    service: &Service,
) -> Located<String> {
    let value = word.part(start..word.value.len());
    let Some(place) = value.place() else { return value };
    let text = expand_text(&value.value, |name| known(name, service));
    let is_open = conditional || text.contains(['$', '`']);
    if !is_open && sources.slice(place) == text {
        return value;
    }
    let unset = if is_open { vec![word.value[..start - 1].to_owned()] } else { Vec::new() };
    filled(text, place, Vec::new(), unset)
}

/// The value of a variable, or what stands behind its last dash (`${HOSTNAME##*-}`).
fn known(name: &str, service: &Service) -> Option<String> {
    let (name, is_end) = match name.strip_suffix("##*-") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let value = service.environment.get(name)?.value.as_str();
    let end = || value.rsplit('-').next().unwrap_or(value);
    Some(if is_end { end() } else { value }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::testing::{running, service, sources};

    fn after(script: &str) -> Service {
        let environment = [("HOSTNAME", "kafka-2"), ("KAFKA_ID", "7")];
        let mut service = running(service("kafka", &environment), &["sh", "-c", script]);
        let words = Words::of(&service, &sources());
        apply(&words, &sources(), &mut service);
        service
    }

    #[test]
    fn a_script_sets_variables_before_the_program() {
        let service = after("export A=1 B=x-$HOSTNAME && C=${HOSTNAME##*-} exec run D=4");
        let value = |name: &str| service.environment.get(name).map(|value| value.value.as_str());
        assert_eq!([value("A"), value("B"), value("C")], [Some("1"), Some("x-kafka-2"), Some("2")]);
        assert_eq!(value("D"), None);
    }

    #[test]
    fn what_the_shell_alone_knows_is_not_certain() {
        let service = after("export A=$(hostname -i); if x; then B=1; fi");
        for name in ["A", "B"] {
            let value = service.environment.get(name).expect("it is set");
            assert!(!value.origin.is_certain(), "{name}");
        }
    }
}
