//! Texts that are broken at random places never make the service panic, and those that are accepted come back.
//!
//! `scripts/icalendar` runs this with millions of texts.

use std::ops::Range;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use todo_api::icalendar::excerpt::{Excerpt, Parts};
use todo_api::icalendar::filter::TimeRange;
use todo_api::icalendar::{File, Object};

use crate::support::{CORPUS, Resource, user_zone};

const GATE: u64 = 2_000;
/// Parts of a run. The first one fills caches.
const ROUNDS: u64 = 20;
/// In KiB.
const GROWTH_MAX: u64 = 32 * 1024;

/// Xorshift (Marsaglia 2003), so that a run can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap()
    }
}

const PIECES: [&[u8]; 24] = [
    b"\r",
    b"\n",
    b"\r\n ",
    b"\n\t",
    b":",
    b";",
    b"\"",
    b",",
    b"\\",
    b"=",
    b"BEGIN:VTODO\r\n",
    b"END:VTODO\r\n",
    b"BEGIN:VALARM\r\n",
    b"RECURRENCE-ID:20261201\r\n",
    b"RRULE:FREQ=DAILY;COUNT=3\r\n",
    b"EXDATE:20261202,20261203T090000Z\r\n",
    b"DURATION:-P1W\r\n",
    b"DUE:99991231T235959Z\r\n",
    b"DTSTART:19000101\r\n",
    b"STATUS:COMPLETED\r\n",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b"TZID=",
];

fn mutated(random: &mut Random, objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = objects[random.below(objects.len())].1.clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below((bytes.len() - at).min(80) + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let copied = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            4 => {
                // A line of another client.
                let other = &objects[random.below(objects.len())].1;
                let lines: Vec<_> = other.split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines[random.below(lines.len())].to_vec();
                let to = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |line| line + 1);
                bytes.splice(to..to, line);
            }
            _ => {
                let digits: Vec<_> = (at..end).filter(|at| bytes[*at].is_ascii_digit()).collect();
                for at in digits {
                    bytes[at] = b'0' + u8::try_from(random.below(10)).unwrap();
                }
            }
        }
    }
    bytes
}

/// Every part of an object, taken apart and put together.
fn all_parts() -> Excerpt {
    let overrides = TimeRange::read(Some("20261101T000000Z"), Some("20270101T000000Z"));
    Excerpt { expansion: None, overrides, calendar: Some(Parts::default()) }
}

/// Returns whether the text was accepted.
fn check(bytes: &[u8], partner: &Object) -> bool {
    let _ = File::read(bytes, 10);
    let Ok(object) = Object::read(bytes) else { return false };
    let mut resource = Resource::created(&object);
    let served = resource.served();
    let is_whole = object.uid().is_some() && object.overrides_len() == 0;
    assert!(!is_whole || served == object.text(), "{}\n---\n{served}", object.text());
    let again = Resource { text: served.clone(), ..resource.clone() }.served();
    assert_eq!(again, served);
    assert!(Object::read(all_parts().of(served, user_zone()).as_bytes()).is_ok());
    // A change to another object, and back.
    let _ = partner.fields(user_zone()).changes_from(&object.fields(user_zone()));
    resource.put(partner.text());
    resource.put(object.text());
    let _ = resource.served();
    true
}

fn run(seed: u64, count: u64) -> u64 {
    let objects = &*CORPUS;
    let partners: Vec<_> = objects.iter().map(|(_, bytes)| Object::read(bytes).unwrap()).collect();
    let mut random = Random(seed);
    let mut accepted = 0;
    for _ in 0..count {
        let state = random.0;
        let bytes = mutated(&mut random, objects);
        let partner = &partners[random.below(partners.len())];
        let result = std::panic::catch_unwind(|| check(&bytes, partner));
        assert!(result.is_ok(), "state {state}: {}", String::from_utf8_lossy(&bytes));
        accepted += u64::from(result.unwrap());
    }
    accepted
}

/// Resident memory in KiB, on Linux: `VmRSS`, or `VmHWM` for the most until now.
fn memory(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn broken_texts_do_no_harm() {
    let count = env::var("ICALENDAR_MUTATIONS").ok().map_or(GATE, |count| count.parse().unwrap());
    let threads = 2;
    let round = |seed: u64, count: u64| -> u64 {
        let workers: Vec<_> =
            (0..threads).map(|thread| thread::spawn(move || run(seed + thread, count / threads))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    };
    let (started, is_long) = (Instant::now(), count != GATE);
    let (mut accepted, mut warm) = (0, None);
    for number in 1..=ROUNDS {
        accepted += round(88_172_645_463_325_252 * number, count / ROUNDS);
        let grown = memory("VmRSS").zip(warm).map_or(0, |(now, warm): (u64, u64)| now.saturating_sub(warm));
        // Other tests use memory too, and only a long run is alone.
        assert!(!is_long || grown < GROWTH_MAX, "{grown} KiB more");
        warm = warm.or_else(|| memory("VmRSS"));
        if is_long {
            let (done, seconds) = (count / ROUNDS * number, started.elapsed().as_secs());
            let peak = memory("VmHWM").unwrap_or_default();
            println!(
                "{accepted} of {done} accepted, {seconds} s, {peak} KiB of memory at most, {grown} KiB more"
            );
        }
    }
    assert!(accepted > count / 10, "{accepted} of {count}");
}

fn joined(numbers: Range<u32>, line: impl Fn(u32) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().concat()
}

#[test]
fn texts_that_are_made_to_be_slow_are_read_quickly() {
    let observances = "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nEND:STANDARD\n".repeat(700);
    let zone = format!("BEGIN:VTIMEZONE\nTZID:z\n{observances}END:VTIMEZONE\n");
    let zones = "BEGIN:VTIMEZONE\nTZID:y\nEND:VTIMEZONE\n".repeat(1_500);
    let onsets = format!(
        "BEGIN:VTIMEZONE\nTZID:z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nRDATE:{}19800101T000000\nEND:STANDARD\nEND:VTIMEZONE\n",
        "19750101T000000,".repeat(3_500)
    );
    let series = "UID:1\nDUE;TZID=z:20261201T090000\nRRULE:FREQ=DAILY;COUNT=99999\n";
    let exceptions = format!("EXDATE;TZID=z:{}99991231T090000\n", "99980101T090000,".repeat(3_000));
    let far = joined(0..400, |year| format!("EXDATE:{}0101T090000Z\n", 9_000 + year));
    let categories = format!("CATEGORIES:{}\n", "é,".repeat(30_000));
    for (zones, lines) in [
        (zone, format!("{series}{exceptions}")),
        (zones, format!("{series}{exceptions}")),
        (onsets, format!("{series}{exceptions}")),
        (String::new(), format!("{series}{far}")),
        (String::new(), format!("{series}{categories}")),
    ] {
        let text = format!("BEGIN:VCALENDAR\n{zones}BEGIN:VTODO\n{lines}END:VTODO\nEND:VCALENDAR\n");
        let started = Instant::now();
        let object = Object::read(text.as_bytes()).unwrap();
        let mut resource = Resource::created(&object);
        resource.put(&text);
        assert!(started.elapsed() < Duration::from_secs(4), "{:?} {lines:.200}", started.elapsed());
    }
}

#[test]
fn files_that_are_made_to_be_slow_are_read_quickly() {
    let zones = joined(0..20_000, |number| format!("BEGIN:VTIMEZONE\nTZID:zone {number}\nEND:VTIMEZONE\n"));
    let todos = joined(0..5_000, |number| {
        format!("BEGIN:VTODO\nUID:{number}\nDUE;TZID=zone {number}:20261201T090000\nEND:VTODO\n")
    });
    let text = format!("BEGIN:VCALENDAR\n{zones}{todos}END:VCALENDAR\n");
    let started = Instant::now();
    let file = File::read(text.as_bytes(), 10_000).unwrap();
    assert!(file.objects().all(|(_, object)| object.unwrap().text().contains("BEGIN:VTIMEZONE")));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}
