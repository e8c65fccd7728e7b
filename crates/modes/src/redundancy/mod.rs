//! What runs once, and what nobody starts again.
