//! Derives keys from secrets, makes random ids, hashes bytes, and seals texts that clients keep.

pub mod derive;
pub mod random_id;
pub mod sealed;
pub mod sha256;
