//! What happens once and passes is told without weight; what comes again has it.

use std::fmt::Write as _;

use wonin_model::{Role, Severity, Standing};
use wonin_read::MemoryFiles;

/// A log of half an hour in which these lines come in its tenth minute, five seconds apart.
fn log(lines: &[&str]) -> String {
    let mut text = String::new();
    for minute in 0..30 {
        for second in [0, 20, 40] {
            writeln!(
                text,
                "2025-03-02 10:{minute:02}:{second:02}.000  INFO shop.Web - 200 GET /items"
            )
            .expect("a string takes all");
        }
        if minute == 10 {
            for (index, line) in lines.iter().enumerate() {
                let second = 41 + 2 * index;
                writeln!(text, "2025-03-02 10:10:{second:02}.500 ERROR shop.Web - {line}")
                    .expect("a string takes all");
            }
        }
    }
    text
}

/// Severity and role of the first finding.
fn first(text: String) -> (Severity, Role) {
    let evidence = wonin_read::read(&MemoryFiles::new([("logs/shop.log".to_owned(), text)]));
    let diagnosis = wonin_modes::examine(&evidence);
    let finding = diagnosis.findings.first().expect("something is found");
    assert_eq!(finding.standing, Standing::Observed);
    (finding.severity, finding.role)
}

const NOTHING_LEFT: &str = "HikariPool-1 - Connection is not available, request timed out after 30002ms (total=10, active=10, idle=0, waiting=1)";
const NO_HEAP: &str = "java.lang.OutOfMemoryError: Java heap space";

#[test]
fn a_pool_that_was_used_up_once_has_no_weight() {
    assert_eq!(first(log(&[NOTHING_LEFT])), (Severity::Low, Role::Contributing));
}

#[test]
fn a_pool_that_is_used_up_again_and_again_has() {
    assert_eq!(first(log(&[NOTHING_LEFT; 5])), (Severity::High, Role::Cause));
}

#[test]
fn once_at_the_end_of_the_log_may_be_the_beginning() {
    let text = log(&[]) + "2025-03-02 10:30:00.000 ERROR shop.Web - " + NOTHING_LEFT + "\n";
    assert_eq!(first(text), (Severity::High, Role::Cause));
}

#[test]
fn what_does_not_pass_by_itself_keeps_its_weight() {
    assert_eq!(first(log(&[NO_HEAP])), (Severity::High, Role::Cause));
}
