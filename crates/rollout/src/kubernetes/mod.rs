//! Kubernetes.
mod backoff;
pub(crate) use backoff::BackOff;
