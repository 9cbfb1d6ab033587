//! A todo service over MongoDB.

pub mod clock;
pub mod config;
pub mod error;
pub mod id;
