//! Random changes of random objects.

use proptest::prelude::*;
use todo_api::icalendar::Object;
use todo_api::todos::due::DuePatch;
use todo_api::todos::input::TodoInput;
use todo_api::todos::model::Priority;
use todo_api::todos::recurrence::{Basis, RecurrencePatch};

use crate::changes::{assert_reads_back, at, day};
use crate::support::{CORPUS, Resource, assert_same};

fn due() -> impl Strategy<Value = DuePatch> {
    let zones = prop::sample::select(vec![
        None,
        Some("Europe/Berlin"),
        Some("UTC"),
        Some("America/New_York"),
        Some("Asia/Kathmandu"),
        Some("Africa/Casablanca"),
    ]);
    let time = (0..40_000_i64, 0..86_400_i64);
    let text = |(days, seconds): (i64, i64)| {
        let at = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap()
            + chrono::TimeDelta::seconds(days * 86_400 + seconds);
        (at.format("%Y-%m-%d").to_string(), at.format("%Y-%m-%dT%H:%M:%S").to_string())
    };
    (time, zones, any::<bool>()).prop_map(move |(time, zone, is_day)| {
        let (date, local) = text(time);
        if is_day { day(&date) } else { at(&local, zone) }
    })
}

fn recurrence() -> impl Strategy<Value = RecurrencePatch> {
    let rules = [
        "FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=7",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;SKIP=BACKWARD",
        "FREQ=YEARLY;COUNT=2",
        "FREQ=DAILY;INTERVAL=3;UNTIL=20991231",
        "FREQ=WEEKLY;COUNT=5\nEXDATE:20261205,20270101",
        "FREQ=HOURLY;INTERVAL=5",
    ];
    let basis = prop::sample::select(vec![
        None,
        Some(Some(Basis::Completion)),
        Some(Some(Basis::Future)),
        Some(Some(Basis::Due)),
    ]);
    (prop::sample::select(rules.to_vec()), basis).prop_map(|(rule, basis)| RecurrencePatch {
        rule: Some(Some(rule.to_owned())),
        basis,
        left: None,
    })
}

fn input() -> impl Strategy<Value = TodoInput> {
    let some = |strategy| prop::option::weighted(0.3, strategy);
    let name = prop::option::weighted(0.3, "[\\PC]{1,90}[a-z]");
    let description = prop::option::weighted(0.3, "(\\PC|[\\\\;,\n\r\"\u{1b}é🎈]){0,200}");
    let tags = prop::option::weighted(0.3, prop::collection::vec("[a-zé,;:\\\\ ]{0,8}[a-zé]", 0..5));
    let priority = some(prop::sample::select(Priority::ALL.to_vec()));
    let completed = prop::option::weighted(0.3, any::<bool>());
    let due = prop::option::weighted(0.5, prop::option::weighted(0.8, due()));
    let recurrence = prop::option::weighted(0.5, prop::option::weighted(0.8, recurrence()));
    (name, description, tags, priority, completed, due, recurrence).prop_map(
        |(name, description, tags, priority, completed, due, recurrence)| TodoInput {
            name: name.map(|name| name.trim().to_owned()),
            description,
            tags,
            priority,
            completed,
            due,
            recurrence,
            ..TodoInput::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_todo_says_is_what_its_text_says(index in 0..50_usize, inputs in prop::collection::vec(input(), 1..4)) {
        let objects = &*CORPUS;
        let (name, bytes) = &objects[index % objects.len()];
        let mut resource = Resource::created(&Object::read(bytes).unwrap());
        for input in inputs {
            let about = format!("{name} {input:?}");
            if resource.change(input) {
                assert_reads_back(&resource, &resource.served(), &about);
            }
        }
    }

    #[test]
    fn a_text_that_comes_back_unchanged_means_no_change(index in 0..50_usize, input in input()) {
        let objects = &*CORPUS;
        let (name, bytes) = &objects[index % objects.len()];
        let mut resource = Resource::created(&Object::read(bytes).unwrap());
        resource.change(input.clone());
        let served = resource.served();
        let meant = resource.put(&served);
        assert_eq!(meant.input, TodoInput::default(), "{name} {input:?}\n{served}");
        assert_same(&resource.served(), &served, &format!("{name} {input:?}"));
    }
}
