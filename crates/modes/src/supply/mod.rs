//! What has to be fetched before anything can start.
