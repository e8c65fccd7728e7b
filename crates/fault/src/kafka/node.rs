//! Which node a listener stands for.

use std::fmt;

/// Nodes by what they are; the same id can be a broker and a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A broker with its node id.
    Broker(i32),
    /// A controller with its node id.
    Controller(i32),
    /// The so manieth bootstrap address, while it is not known which broker is there.
    Bootstrap(usize),
}

impl Node {
    /// The node id.
    pub(crate) fn id(self) -> Option<i32> {
        match self {
            Self::Broker(id) | Self::Controller(id) => Some(id),
            Self::Bootstrap(_) => None,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Controller(id) => write!(f, "controller {id}"),
            Self::Bootstrap(n) => write!(f, "bootstrap {}", n + 1),
        }
    }
}
