//! Taking data out and bringing it in: the export, and imports from this and other services.
//!
//! An import has three steps. A format of [`formats`] turns bytes into a [`plan::Plan`], which [`structure`] completes;
//! both are pure. [`preparation`] compares the plan with what the user has, and checks every limit. [`writer`] writes what
//! is missing.
//!
//! **Invariant:** nothing is written before everything has been checked. The ids of a plan depend only on the owner and
//! the file, so that repeating an import adds nothing.

mod calendar_names;
pub mod docs;
pub mod export;
pub mod formats;
pub mod handlers;
pub mod jobs;
pub mod model;
pub mod operations;
mod placement;
pub mod plan;
pub mod preparation;
pub mod render;
pub mod store;
pub mod structure;
pub mod undo;
pub mod wire;
pub mod writer;
