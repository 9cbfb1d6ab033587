//! Backup of the whole database to one file, and restore into an empty database, for hosts without MongoDB's tools.
//!
//! **Invariant:** documents are copied byte for byte, except for the changes of a restore that [`store`] lists.

pub mod archive;
pub mod format;
mod hashing;
pub mod operations;
pub mod store;
