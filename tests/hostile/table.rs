//! The table of measurements that `scripts/hostile` prints at the end.

use std::fs::OpenOptions;
use std::io::Write;

/// Prints a line of measurements, and adds it to the file that `HOSTILE_TABLE` names.
pub(crate) fn add(line: &str) {
    println!("{line}");
    if let Ok(table) = std::env::var("HOSTILE_TABLE") {
        let mut table = OpenOptions::new().append(true).create(true).open(table).unwrap();
        writeln!(table, "| {line} |").unwrap();
    }
}
