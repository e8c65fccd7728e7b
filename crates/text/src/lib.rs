//! Where is it? Source files, byte spans, lines and columns, and edits on bytes.
//!
//! Everything wonin says points into a file. A [`Place`] is a file and a byte [`Span`]; lines and
//! columns are computed only when something is printed. Nothing here reads a disk.

mod edit;
mod source;
mod span;

pub use edit::{Edit, EditError, apply};
pub use source::{FileId, Position, SourceFile, Sources};
pub use span::{Place, Span};
