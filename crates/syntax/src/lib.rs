//! Text to trees that keep the place of every value.
//!
//! Every parser takes text and gives a tree *and* a list of problems; broken input gives what could
//! be understood, never a panic. All parsers share one node type, [`Node`], except those of
//! languages that are not data (Java, Dockerfile, nginx), which have small trees of their own.

pub mod dockerfile;
pub mod dotenv;
pub mod hcl;
pub mod hcl_json;
pub mod java;
pub mod json;
mod keys;
mod nginx;
mod node;
mod problems;
pub mod properties;
pub mod yaml;

pub use nginx::{NginxDirective, NginxTree, NginxWord, parse_nginx};
pub use node::{Content, Entry, MAX_DEPTH, Node, Problem, Scalar, Style, Tree};
