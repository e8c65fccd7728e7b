//! What must not be printed: passwords, tokens and keys in files and in sentences.
//!
//! [`spans`] finds them, [`cover`] replaces each character by a mark of the same width and the
//! same number of bytes, so that offsets, columns and carets stay right. [`Masker`] knows the
//! secrets of all files of a run and hides them wherever they turn up.
//!
//! A secret is recognised by the name in front of it (`DB_PASSWORD`, `spring.datasource.password`,
//! `withApiKey(`), by its own shape (access key ids, JSON web tokens, PEM blocks), or by where it
//! stands (`://user:secret@host`). References (`${DB_PASSWORD}`) and names of files that hold one
//! (`DB_PASSWORD_FILE`) are not secrets.

mod keys;
mod masker;
mod scan;
#[cfg(test)]
mod tests;
mod value;

pub use keys::is_secret_key;
pub use masker::{Masker, cover};
pub use scan::{Syntax, spans};
