//! Generates demo data: users, lists and todos. The same seed on the same day gives the same data.
//!
//! Every user has a separate stream of random numbers, from which the todos are drawn one after another. Therefore a
//! larger request extends the data of a smaller one and does not change it.

use std::collections::HashSet;

use bson::DateTime;
use bson::oid::ObjectId;
use chrono::{Datelike, NaiveDate};
use rand::rngs::ChaCha8Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::phrases::{THEMES, Theme};
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::State;
use crate::owned::order_key;
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::{Basis, Recurrence};
use crate::users::model::User;

/// The first bytes of the id of every demo document.
pub const ID_PREFIX: [u8; 4] = *b"demo";
/// The highest seed and the highest user number. Each takes three bytes of an id.
pub const NUMBER_MAX: u32 = 0xff_ffff;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const HISTORY: i64 = 180 * DAY;
// Well below the 30 days after which the trash is purged.
const IN_TRASH_MAX: i64 = 25 * DAY;
/// The first and the last due date, in days from today. Each range is equally likely.
const DUE_DAYS: [(i64, i64); 8] = [(-4, -1), (0, 0), (0, 0), (1, 7), (1, 7), (1, 7), (8, 30), (8, 30)];
const DONE_DUE_DAYS: (i64, i64) = (-14, 2);
/// Inside the ids of one user, 0 is the user, lower numbers are lists, and todos begin here.
const FIRST_TODO: usize = 100;
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Asia/Tokyo"];

#[derive(Debug, Clone, Copy)]
pub struct DemoData {
    seed: u32,
    /// The start of the day in UTC. All generated events are before this time.
    today: DateTime,
}

impl DemoData {
    pub fn new(seed: u32, now: DateTime) -> Self {
        let now = now.timestamp_millis();
        Self { seed: seed & NUMBER_MAX, today: DateTime::from_millis(now - now.rem_euclid(DAY)) }
    }

    /// Numbers start at 0: `demo`, `demo-2`, `demo-3`.
    pub fn user(&self, number: u32, password_hash: &str) -> User {
        let username =
            if number == 0 { "demo".to_owned() } else { format!("demo-{}", u64::from(number) + 1) };
        let registered = self.today.saturating_add_millis(-HISTORY - DAY);
        User {
            email: Some(format!("{username}@example.org")),
            time_zone: zone_of(number).to_owned(),
            ..User::new(self.user_id(number), username, password_hash.to_owned(), registered)
        }
    }

    pub fn user_id(&self, number: u32) -> ObjectId {
        self.id(number, 0)
    }

    /// The lists and the first `count` todos of a user, parents before subtasks.
    pub fn objects(&self, number: u32, count: usize) -> Result<(Vec<List>, Vec<Todo>), Error> {
        let mut random = ChaCha8Rng::seed_from_u64(u64::from(self.seed));
        random.set_stream(u64::from(number));
        let mut themes: Vec<&Theme> = THEMES.iter().collect();
        themes.shuffle(&mut random);
        themes.truncate(random.random_range(4..=THEMES.len()));
        let lists: Vec<_> =
            (1..).zip(&themes).map(|(index, theme)| self.list(number, index, theme)).collect();
        let mut generator =
            TodoGenerator { data: *self, number, random, lists: &lists, themes: &themes, todos: vec![] };
        while generator.todos.len() < count {
            generator.add_task()?;
        }
        let mut todos = generator.todos;
        // Before the truncation, so that a todo is the same in a smaller and in a larger request.
        let parents: HashSet<ObjectId> = todos.iter().filter_map(|todo| todo.parent_id).collect();
        for todo in &mut todos {
            todo.is_parent = parents.contains(&todo.id);
        }
        todos.truncate(count);
        Ok((lists, todos))
    }

    /// 4 bytes prefix, 3 bytes seed, 3 bytes user number, 2 bytes number within the user's documents.
    fn id(&self, number: u32, within: usize) -> ObjectId {
        let ([_, seed @ ..], [_, number @ ..]) = (self.seed.to_be_bytes(), number.to_be_bytes());
        let within = u16::try_from(within).unwrap_or(u16::MAX).to_be_bytes();
        let mut bytes = [0; 12];
        let parts = ID_PREFIX.into_iter().chain(seed).chain(number).chain(within);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        ObjectId::from_bytes(bytes)
    }

    fn list(&self, number: u32, index: u16, theme: &Theme) -> List {
        let id = self.id(number, usize::from(index));
        let created_at = self.today.saturating_add_millis(-HISTORY - DAY + i64::from(index) * MINUTE);
        let blank = List::blank(id, self.user_id(number), order_key::migrated(created_at, id), created_at);
        List { name: theme.list.to_owned(), color: Some(theme.color.to_owned()), ..blank }
    }
}

struct TodoGenerator<'a> {
    data: DemoData,
    number: u32,
    random: ChaCha8Rng,
    lists: &'a [List],
    themes: &'a [&'static Theme],
    todos: Vec<Todo>,
}

impl TodoGenerator<'_> {
    fn add_task(&mut self) -> Result<(), Error> {
        let index = self.random.random_range(0..self.themes.len());
        let theme = self.themes[index];
        let list = self.random.random_ratio(7, 8).then(|| self.lists[index].id);
        let routine = self.random.random_ratio(3, 20).then(|| self.pick(theme.routines));
        let name = match routine {
            Some((name, _)) => name.to_owned(),
            None => self.pick(theme.tasks).replace("{}", self.pick(theme.things)),
        };
        let root = self.root(name, list, theme, routine.map(|(_, rule)| rule))?;
        self.todos.push(root.clone());
        if routine.is_none() && self.random.random_ratio(3, 17) {
            let mut steps = theme.steps.to_vec();
            steps.shuffle(&mut self.random);
            let first = self.todos.len();
            let mut taken: Vec<_> = steps.drain(..self.random.random_range(2..=4)).collect();
            taken.sort_by_key(|step| theme.steps.iter().position(|other| other == step));
            for step in taken {
                let subtask = self.subtask(step, &root, theme);
                self.todos.push(subtask);
            }
            let (parent, step) = (self.todos[first].clone(), self.pick(&steps));
            let subtask = self.subtask(step, &parent, theme);
            self.todos.push(subtask);
        }
        Ok(())
    }

    fn root(
        &mut self,
        name: String,
        list_id: Option<ObjectId>,
        theme: &Theme,
        rule: Option<&str>,
    ) -> Result<Todo, Error> {
        let today = self.data.today.timestamp_millis();
        // Subtasks are created within an hour after their root, which must still be before today.
        let made = today - self.random.random_range(2 * HOUR..HISTORY);
        let trashed = self
            .random
            .random_ratio(3, 100)
            .then(|| self.between(made.max(today - IN_TRASH_MAX) + HOUR, today));
        let is_done = self.random.random_ratio(5, 20) && rule.is_none();
        let done = is_done.then(|| self.between(made + HOUR, trashed.unwrap_or(today)));
        let mut todo = Todo { list_id, ..self.todo(name, made, done, theme) };
        if rule.is_some() || self.random.random_ratio(3, 5) {
            let days = match rule {
                Some(rule) => first_occurrences(rule),
                None if is_done => DONE_DUE_DAYS,
                None => self.pick(&DUE_DAYS),
            };
            let (day, due) = self.due(days);
            todo.due = Some(due);
            todo.recurrence = rule.map(|rule| recurrence(rule, day, &due)).transpose()?;
        }
        if let Some(at) = trashed.map(DateTime::from_millis) {
            (todo.state, todo.deleted_at, todo.trashed_with) = (State::Trash, Some(at), Some(todo.id));
            todo.updated_at = at;
        }
        Ok(todo)
    }

    /// Has the list and the state of its parent, and is completed if its parent is.
    fn subtask(&mut self, name: &str, parent: &Todo, theme: &Theme) -> Todo {
        let made = parent.created_at.timestamp_millis() + self.random.random_range(MINUTE..20 * MINUTE);
        let until = parent.deleted_at.unwrap_or(self.data.today).timestamp_millis();
        let alone = self.random.random_ratio(3, 10).then(|| self.between(made, until));
        let with_parent = parent.completed_at.map(DateTime::timestamp_millis);
        let (made, done) = (with_parent.map_or(made, |done| made.min(done)), with_parent.or(alone));
        let subtask = self.todo(name.to_owned(), made, done, theme);
        Todo {
            list_id: parent.list_id,
            parent_id: Some(parent.id),
            state: parent.state,
            deleted_at: parent.deleted_at,
            trashed_with: parent.trashed_with,
            updated_at: parent.deleted_at.unwrap_or(subtask.updated_at),
            ..subtask
        }
    }

    /// `created` and `completed` are in milliseconds since 1970.
    fn todo(&mut self, name: String, created: i64, completed: Option<i64>, theme: &Theme) -> Todo {
        let id = self.data.id(self.number, FIRST_TODO + self.todos.len());
        let (owner_id, created_at) = (self.data.user_id(self.number), DateTime::from_millis(created));
        let completed_at = completed.map(DateTime::from_millis);
        let notes = if self.random.random_bool(0.5) { self.random.random_range(1..=3) } else { 0 };
        let notes: Vec<_> = theme.notes.sample(&mut self.random, notes).copied().collect();
        let tags = self.pick(&[0, 0, 1, 1, 1, 2, 2, 3]);
        let priorities = [0, 0, 0, 0, 0, 1, 1, 2, 2, 3];
        let blank = Todo::blank(id, owner_id, order_key::migrated(created_at, id), created_at);
        Todo {
            name,
            description: notes.join(" "),
            completed: completed_at.is_some(),
            completed_at,
            priority: Priority::from(self.pick(&priorities)),
            tags: theme.tags.sample(&mut self.random, tags).map(|tag| (*tag).to_owned()).collect(),
            updated_at: completed_at.unwrap_or(created_at),
            ..blank
        }
    }

    /// One of these days, and a due date on that day: a date, a local time, or a local time in a time zone, which is mostly
    /// that of the user.
    fn due(&mut self, (first, last): (i64, i64)) -> (NaiveDate, Due) {
        let days = self.random.random_range(first..=last);
        let day = self.data.today.saturating_add_millis(days * DAY).to_chrono().date_naive();
        let (hour, minute) = (self.random.random_range(7..=20), self.pick(&[0, 0, 15, 30, 45]));
        let zone = if self.random.random_ratio(1, 6) { self.pick(&ZONES) } else { zone_of(self.number) };
        let at = |time_zone| day.and_hms_opt(hour, minute, 0).map(|local| Due::At { local, time_zone });
        let due = match self.random.random_range(0..5) {
            0 => at(Zone::named(zone)),
            1 => at(None),
            _ => None,
        };
        (day, due.unwrap_or(Due::Date(day)))
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.random_range(0..from.len())]
    }

    fn between(&mut self, first: i64, last: i64) -> i64 {
        self.random.random_range(first.min(last)..=last)
    }
}

fn zone_of(user: u32) -> &'static str {
    ZONES[user as usize % ZONES.len()]
}

/// The days from today on which a todo with this rule is due next.
fn first_occurrences(rule: &str) -> (i64, i64) {
    match rule {
        _ if rule.starts_with("FREQ=DAILY") => (0, 1),
        _ if rule.starts_with("FREQ=WEEKLY") => (0, 6),
        _ => (0, 27),
    }
}

/// `day` is the next due date. It replaces `{day}` and `{date}` in the rule.
fn recurrence(rule: &str, day: NaiveDate, due: &Due) -> Result<Recurrence, Error> {
    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let weekday = DAYS[day.weekday().num_days_from_monday() as usize];
    let rule = rule.replace("{day}", weekday).replace("{date}", &day.day().to_string());
    Recurrence::begin(&rule, Basis::Due, due).map_err(Error::Invalid)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::owned::{Owned, TRASH_MILLIS};
    use crate::todos::recurrence::Reason;

    /// On 2026-11-21.
    const NOW: DateTime = DateTime::from_millis(1_795_300_000_000);
    const MANY: usize = 9_000;

    fn objects(seed: u32, number: u32, count: usize) -> (Vec<List>, Vec<Todo>) {
        DemoData::new(seed, NOW).objects(number, count).unwrap()
    }

    #[test]
    fn the_same_seed_and_day_give_the_same_data() {
        let later = DateTime::from_millis(NOW.timestamp_millis() + HOUR);
        assert_eq!(objects(1, 0, 300), DemoData::new(1, later).objects(0, 300).unwrap());
        let names = |todos: Vec<Todo>| todos.into_iter().map(|todo| todo.name).collect::<Vec<_>>();
        let of = |seed, number| names(objects(seed, number, 300).1);
        assert!(of(1, 0) != of(2, 0) && of(1, 0) != of(1, 1));
        // If these names change, all demo data has changed.
        assert_eq!(
            of(1, 0)[..3],
            ["Draft the quote for Tokyo", "Draft the translation for München", "Book club 📚"]
        );
    }

    #[test]
    fn more_todos_extend_fewer_todos() {
        let (lists, todos) = objects(1, 0, 300);
        for count in [0, 1, 7, 299] {
            let (same, fewer) = objects(1, 0, count);
            assert_eq!((&same, &fewer[..]), (&lists, &todos[..count]));
        }
    }

    #[test]
    fn another_day_shifts_only_the_times() {
        let tomorrow = DateTime::from_millis(NOW.timestamp_millis() + DAY);
        let ((lists, todos), (next_lists, next)) =
            (objects(1, 0, 500), DemoData::new(1, tomorrow).objects(0, 500).unwrap());
        assert_eq!(lists.len(), next_lists.len());
        for (todo, next) in todos.iter().zip(&next) {
            assert_eq!(
                (todo.id, &todo.name, todo.place(), &todo.tags),
                (next.id, &next.name, next.place(), &next.tags)
            );
            assert_eq!(next.created_at.timestamp_millis() - todo.created_at.timestamp_millis(), DAY);
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids = HashSet::new();
        for (seed, number) in [(1, 0), (1, 1), (2, 0), (NUMBER_MAX, NUMBER_MAX)] {
            let (lists, todos) = objects(seed, number, 10_000);
            assert!(ids.insert(DemoData::new(seed, NOW).user_id(number)));
            assert!(
                lists.iter().all(|list| ids.insert(list.id)) && todos.iter().all(|todo| ids.insert(todo.id))
            );
        }
        assert!(ids.iter().all(|id| id.bytes().starts_with(&ID_PREFIX)));
    }

    #[test]
    fn users_are_named_demo_and_a_number() {
        let data = DemoData::new(1, NOW);
        let names = [0, 1, 999].map(|number| data.user(number, "").username);
        assert_eq!(names, ["demo", "demo-2", "demo-1000"]);
        assert!(data.user(0, "").created_at < objects(1, 0, 0).0[0].created_at);
    }

    #[test]
    fn todos_are_consistent_with_a_history_of_single_changes() {
        let (lists, todos) = objects(3, 2, MANY);
        let lists: HashSet<_> = lists.iter().map(|list| list.id).collect();
        let midnight = DateTime::from_millis(NOW.timestamp_millis() / DAY * DAY);
        let mut known: HashMap<ObjectId, &Todo> = HashMap::new();
        for todo in &todos {
            let changes = [Some(todo.created_at), todo.completed_at, todo.deleted_at];
            let last = changes.into_iter().flatten().max();
            assert!(Some(todo.updated_at) == last && last <= Some(midnight), "{todo:?}");
            assert!(changes.into_iter().flatten().all(|time| time >= todo.created_at), "{todo:?}");
            assert!(todo.created_at.timestamp_millis() >= midnight.timestamp_millis() - HISTORY);
            assert_eq!(todo.completed, todo.completed_at.is_some());
            assert_eq!(todo.state == State::Trash, todo.trashed_with.is_some());
            assert_eq!(todo.deleted_at.is_some(), todo.trashed_with.is_some());
            assert!(
                todo.deleted_at
                    .is_none_or(|at| NOW.timestamp_millis() - at.timestamp_millis() < TRASH_MILLIS)
            );
            assert!(todo.list_id.is_none_or(|list| lists.contains(&list)));
            if let Some(parent) = todo.parent_id.map(|id| known[&id]) {
                assert_eq!(
                    (todo.list_id, todo.state, todo.trashed_with),
                    (parent.list_id, parent.state, parent.trashed_with)
                );
                assert!(todo.completed || !parent.completed, "{todo:?}");
                assert!(
                    todo.completed_at.is_none_or(|at| parent.completed_at.is_none_or(|above| at <= above))
                );
                assert!(todo.position() > parent.position());
            }
            if let (Some(recurrence), Some(due)) = (&todo.recurrence, &todo.due) {
                let next =
                    recurrence.next(due, NOW, Zone::UTC, Reason::Completed).expect("a next occurrence").0;
                assert!(next.local_key() > due.local_key() && !todo.completed, "{todo:?}");
            }
            known.insert(todo.id, todo);
        }
    }

    #[test]
    fn proportions_of_todos_are_realistic() {
        let (_, todos) = objects(1, 0, MANY);
        let percent = |of: &dyn Fn(&Todo) -> bool| 100 * todos.iter().filter(|todo| of(todo)).count() / MANY;
        assert!((27..=33).contains(&percent(&|todo| todo.completed)));
        assert!((2..=4).contains(&percent(&|todo| todo.state == State::Trash)));
        assert!((8..=12).contains(&percent(&|todo| todo.recurrence.is_some())));
        assert!((45..=55).contains(&percent(&|todo| todo.description.is_empty())));
        assert!((40..=60).contains(&percent(&|todo| todo.due.is_some())));
        let parents: HashSet<_> = todos.iter().filter_map(|todo| todo.parent_id).collect();
        let tops = percent(&|todo| todo.parent_id.is_none());
        let with_subtasks = percent(&|todo| todo.parent_id.is_none() && parents.contains(&todo.id));
        assert!((13..=17).contains(&(100 * with_subtasks / tops)), "{with_subtasks} of {tops}");
        let keys: Vec<_> =
            todos.iter().filter_map(|todo| todo.due).map(|due| due.local_key()[..10].to_owned()).collect();
        assert_eq!(
            (keys.iter().min().unwrap().as_str(), keys.iter().max().unwrap().as_str()),
            ("2026-11-07", "2026-12-21")
        );
        let most = todos.iter().map(|todo| todo.tags.len()).max();
        assert_eq!(most, Some(3));
    }
}
