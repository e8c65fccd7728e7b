//! `healthcheck`.

use wonin_model::{HealthCheck, HealthTest, Located};
use wonin_text::Place;

use super::units::duration_ms;
use super::value::{Data, Notes, Value};

/// The check of a service; `key` is where the word `healthcheck` stands.
pub(crate) fn health_check(value: &Value, key: Place, notes: &mut Notes) -> Option<HealthCheck> {
    value.map()?;
    let mut time = |name: &str| {
        let written = value.text_at(&[name])?;
        let duration = written.and_then(|text| duration_ms(text));
        if let (None, Some(place), true) = (&duration, written.place(), written.origin.is_certain())
        {
            let why = format!("`{name}: {}` is not a duration such as `30s`", written.value);
            notes.skip(place, why);
        }
        duration
    };
    let interval_ms = time("interval");
    let timeout_ms = time("timeout");
    let start_period_ms = time("start_period");
    let start_interval_ms = time("start_interval");
    Some(HealthCheck {
        place: key,
        test: test(value, key),
        interval_ms,
        timeout_ms,
        retries: retries(value, notes),
        start_period_ms,
        start_interval_ms,
    })
}

/// A whole number above 0; what is none is told.
fn retries(value: &Value, notes: &mut Notes) -> Option<Located<u32>> {
    let written = value.text_at(&["retries"])?;
    let number = written.and_then(|text| text.trim().parse().ok());
    if let (None, Some(place), true) = (&number, written.place(), written.origin.is_certain()) {
        let why = format!("`retries: {}` is not a whole number", written.value);
        notes.skip(place, why);
    }
    number
}

fn test(value: &Value, key: Place) -> Located<HealthTest> {
    if value.is_true(&["disable"]) {
        let at = value.text_at(&["disable"]);
        return at.map_or(Located::written(HealthTest::Disabled, key), |at| {
            at.with(HealthTest::Disabled)
        });
    }
    let Some(test) = value.at(&["test"]) else {
        return Located::written(HealthTest::Inherited, key);
    };
    match &test.data {
        Data::Text(line) => line.with(HealthTest::Shell(line.value.clone())),
        Data::List(_) => {
            let words: Vec<String> = test.texts().into_iter().map(|word| word.value).collect();
            Located { value: listed(words), origin: test.origin() }
        }
        Data::Null | Data::Map(_) => Located::written(HealthTest::Inherited, key),
    }
}

/// A test in list form: the first word says how it runs.
fn listed(mut words: Vec<String>) -> HealthTest {
    match words.first().map(String::as_str) {
        None => HealthTest::Inherited,
        Some("NONE") => HealthTest::Disabled,
        Some("CMD-SHELL") => HealthTest::Shell(words[1..].join(" ")),
        Some("CMD") => {
            words.remove(0);
            HealthTest::Exec(words)
        }
        // Compose refuses such a test; what was meant is plain.
        Some(_) => HealthTest::Exec(words),
    }
}
