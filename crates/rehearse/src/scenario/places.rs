//! `${proxy.db}`: addresses that are known only when the run starts; and what else programs that it
//! starts are told.

use std::collections::BTreeMap;

/// What placeholders stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    values: BTreeMap<String, String>,
    mark: Vec<(String, String)>,
}

impl Places {
    /// Sets what every program gets into its environment, so that it ends with the run.
    pub fn set_mark(&mut self, name: &str, value: &str) {
        self.mark = vec![(name.to_owned(), value.to_owned())];
    }

    /// An environment with its placeholders filled in, and the mark of the run.
    pub fn environment(&self, given: &[(String, String)]) -> Vec<(String, String)> {
        let given = given.iter().map(|(name, value)| (name.clone(), self.fill(value)));
        given.chain(self.mark.iter().cloned()).collect()
    }

    /// Sets what a name stands for; for an address also `NAME.host` and `NAME.port`.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some((host, port)) = value.rsplit_once(':')
            && !value.contains(',')
        {
            self.values.insert(format!("{name}.host"), host.to_owned());
            self.values.insert(format!("{name}.port"), port.to_owned());
        }
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// The text with all placeholders filled in; one that is not known stays as it is.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            out.push_str(before);
            match self.values.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// The text with something that fits for each placeholder, to see whether it is well-formed.
pub(crate) fn stand_in(text: &str) -> String {
    let mut places = Places::default();
    for name in names(text) {
        let value = match name.rsplit('.').next() {
            Some("host") => "127.0.0.1",
            Some("port") => "1",
            _ => "127.0.0.1:1",
        };
        places.values.insert(name.to_owned(), value.to_owned());
    }
    places.fill(text)
}

/// The names of all placeholders in a text. Only such with a dot are ours: `${HOME}` is left to
/// whoever reads the text later.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        if name.contains('.') {
            found.push(name);
        }
        rest = after;
    }
    found
}

/// What stands before the first placeholder, its name, and what follows.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, from) = text.split_once("${")?;
    let (name, after) = from.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let mut places = Places::default();
        places.set("proxy.db", "127.0.0.1:5000");
        places.set("kafka.bootstrap", "127.0.0.1:1,127.0.0.1:2");
        assert_eq!(places.fill("http://${proxy.db}/x"), "http://127.0.0.1:5000/x");
        assert_eq!(places.fill("-p ${proxy.db.port} ${HOME}"), "-p 5000 ${HOME}");
        assert_eq!(places.fill("${kafka.bootstrap}"), "127.0.0.1:1,127.0.0.1:2");
        assert_eq!(places.fill("${proxy.db"), "${proxy.db");
        assert_eq!(stand_in("http://${a.b}:${a.b.port}/"), "http://127.0.0.1:1:1/");
        assert_eq!(names("${a.b} ${HOME} ${c.d}"), ["a.b", "c.d"]);
    }
}
