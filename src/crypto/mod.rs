//! Derives keys from secrets, makes random ids, and seals texts that clients keep.

pub mod derive;
pub mod random_id;
pub mod sealed;
