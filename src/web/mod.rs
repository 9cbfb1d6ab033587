//! What every page for browsers needs: files with long lifetimes, cookies, languages, and the check of where a
//! form was sent from.

pub mod assets;
pub mod cookies;
pub mod language;
pub mod same_origin;
