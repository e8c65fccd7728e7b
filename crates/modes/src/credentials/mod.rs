//! Credentials that end, and clients that do not notice.

pub(crate) mod certificate_expiring;
pub(crate) mod certificate_rejected;
pub(crate) mod clock_skew;
pub(crate) mod credentials_frozen;
pub(crate) mod credentials_rejected;
