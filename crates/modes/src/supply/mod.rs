//! What has to be fetched before anything can start.

pub(crate) mod image_gone;
pub(crate) mod schema_missing;
