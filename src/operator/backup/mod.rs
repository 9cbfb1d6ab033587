//! The whole database in one file, and back again, for hosts without MongoDB's own tools. Must not care what documents
//! mean, but for the little that a restore has to change: see [`store`].

pub mod archive;
pub mod format;
mod hashing;
pub mod operations;
pub mod store;
