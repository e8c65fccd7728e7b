//! Credentials that end, and clients that do not notice.

pub(crate) mod credentials_frozen;
