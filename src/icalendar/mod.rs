//! iCalendar texts (RFC 5545): what a VTODO means as a todo, and how a todo changes the text that a client has sent.
//!
//! A client's text is kept, because it says more than a todo can hold: alarms, attachments, properties of its own. [`render()`]
//! compares the meaning of the text with the todo and replaces only the lines that differ.
//!
//! The text is read line by line by code of this folder, not by a library. The place of every line must be known to the
//! byte, and no parser that we measured guarantees this: `ical-rs` returns other bytes for 16 % of the mutated texts that it
//! accepts, and 3,000 nested components overflow its stack; the other libraries write every line again.
//!
//! **Invariant:** no database, no HTTP, no clock. The current time and the user's zone are arguments.

mod calendar;
mod component;
mod edits;
pub mod excerpt;
pub mod expand;
mod fields;
pub mod filter;
mod instances;
mod line;
mod listed;
mod meaning;
mod member;
mod object;
mod observance;
mod occurrences;
pub mod order;
mod refusal;
mod render;
mod rule;
mod times;
mod unheld;
mod vtimezone;
mod windows_zones;
mod zones;

pub use self::calendar::{Broken, File, Joined};
pub use self::fields::Fields;
pub use self::listed::Listed;
pub use self::meaning::{Ahead, Completion, Meaning, meaning};
pub use self::member::{Member, Uids};
pub use self::object::Object;
pub use self::refusal::{DEPTH_MAX, LINES_MAX, OVERRIDES_MAX, Refusal, TEXT_MAX, UID_MAX};
pub use self::render::{Shown, Stored, render};
