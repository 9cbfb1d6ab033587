//! Secrets in, keys and opaque texts out. Must not know what the texts are for.

pub mod derive;
pub mod random_id;
pub mod sealed;
