//! A list of problems that hostile input cannot make long.

use wonin_text::Span;

use crate::Problem;

/// How many problems one parse tells; a person reads the first few, a hostile file could cause one
/// per byte.
const MOST: usize = 100;

/// The problems of one parse.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    left_out: usize,
    first_left_out: Span,
}

impl Problems {
    /// Tells a problem. The message is only made when it is kept.
    pub(crate) fn add(&mut self, span: Span, message: impl FnOnce() -> String) {
        if self.list.len() < MOST {
            self.list.push(Problem { span, message: message() });
        } else {
            if self.left_out == 0 {
                self.first_left_out = span;
            }
            self.left_out += 1;
        }
    }

    /// All of them, in the order in which they were found.
    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        if self.left_out > 0 {
            let message = format!("{} more problems from here on", self.left_out);
            self.list.push(Problem { span: self.first_left_out, message });
        }
        self.list
    }
}
