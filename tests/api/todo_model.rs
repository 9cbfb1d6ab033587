//! Random sequences of changes to todos, compared with a simple model. After each sequence the service shows exactly
//! the todos of the model, in the same order.
//!
//! With `TODO_API_TEST_LONG` in the environment it runs 1,000 sequences instead of 40.

use axum::http::Method;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

/// What a client does. An index chooses one of the existing todos.
#[derive(Debug, Clone)]
enum Step {
    Create { tag: u8 },
    Patch { todo: Index, completed: Option<bool>, priority: Option<usize> },
    Put { todo: Index },
    Tag { todo: Index, tag: u8, on: bool },
    Trash { todo: Index },
    Restore { todo: Index },
    Remove { todo: Index },
    Move { todo: Index, sibling: Index, side: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let one = any::<Index>;
    prop_oneof![
        5 => (0..4_u8).prop_map(|tag| Step::Create { tag }),
        3 => (one(), any::<Option<bool>>(), prop::option::of(0..4_usize))
            .prop_map(|(todo, completed, priority)| Step::Patch { todo, completed, priority }),
        1 => one().prop_map(|todo| Step::Put { todo }),
        2 => (one(), 0..4_u8, any::<bool>()).prop_map(|(todo, tag, on)| Step::Tag { todo, tag, on }),
        2 => one().prop_map(|todo| Step::Trash { todo }),
        2 => one().prop_map(|todo| Step::Restore { todo }),
        1 => one().prop_map(|todo| Step::Remove { todo }),
        6 => (one(), one(), 0..3_usize).prop_map(|(todo, sibling, side)| Step::Move { todo, sibling, side }),
    ]
}

const PRIORITIES: [&str; 4] = ["none", "low", "medium", "high"];

#[derive(Debug, Clone, PartialEq)]
struct Todo {
    id: String,
    name: String,
    completed: bool,
    priority: usize,
    tags: Vec<String>,
    version: i64,
    in_trash: bool,
}

/// All todos in their order. A todo in the trash keeps its place among todos that do not move.
struct Model {
    client: Client,
    todos: Vec<Todo>,
    made: usize,
    /// Todos that were in the trash while others moved. Their place is not defined.
    displaced: Vec<String>,
}

impl Model {
    async fn run(&mut self, step: Step) {
        let chosen = |index: &Index| (!self.todos.is_empty()).then(|| index.index(self.todos.len()));
        match step {
            Step::Create { tag } => self.create(tag).await,
            Step::Patch { todo, completed, priority } => {
                let Some(at) = chosen(&todo) else { return };
                let mut body = json!({});
                let mut after = self.todos[at].clone();
                if let Some(completed) = completed {
                    body["completed"] = json!(completed);
                    after.completed = completed;
                }
                if let Some(priority) = priority {
                    body["priority"] = json!(PRIORITIES[priority]);
                    after.priority = priority;
                }
                self.change(at, Method::PATCH, "", body, after).await;
            }
            Step::Put { todo } => {
                let Some(at) = chosen(&todo) else { return };
                let name = format!("{} put", self.todos[at].name);
                let after = Todo {
                    name: name.clone(),
                    completed: false,
                    priority: 0,
                    tags: Vec::new(),
                    ..self.todos[at].clone()
                };
                self.change(at, Method::PUT, "", json!({ "name": name }), after).await;
            }
            Step::Tag { todo, tag, on } => {
                let Some(at) = chosen(&todo) else { return };
                let mut after = self.todos[at].clone();
                let tag = format!("t{tag}");
                after.tags.retain(|known| on || *known != tag);
                if on && !after.tags.contains(&tag) {
                    after.tags.push(tag.clone());
                }
                let method = if on { Method::PUT } else { Method::DELETE };
                self.change(at, method, &format!("/tags/{tag}"), json!({}), after).await;
            }
            Step::Trash { todo } => {
                let Some(at) = chosen(&todo) else { return };
                self.client.delete(&path(&self.todos[at])).await.assert(204);
                self.turn(at, true);
            }
            Step::Restore { todo } => {
                let Some(at) = chosen(&todo) else { return };
                self.client.post(&format!("{}/restore", path(&self.todos[at])), json!({})).await.assert(200);
                self.turn(at, false);
            }
            Step::Remove { todo } => {
                let Some(at) = chosen(&todo) else { return };
                let gone = self.todos.remove(at);
                self.client.delete(&format!("{}?permanent=true", path(&gone))).await.assert(204);
                self.client.get(&path(&gone)).await.assert_problem(404, "not_found");
            }
            Step::Move { todo, sibling, side } => {
                let (Some(at), Some(to)) = (chosen(&todo), chosen(&sibling)) else { return };
                self.shift(at, to, side).await;
            }
        }
    }

    async fn create(&mut self, tag: u8) {
        self.made += 1;
        let name = format!("todo {}", self.made);
        let body = json!({ "name": name, "tags": [format!("t{tag}")] });
        let made = self.client.post("/v1/todos", body).await.assert(201).json();
        self.todos.push(Todo {
            id: made["id"].as_str().unwrap().to_owned(),
            name,
            completed: false,
            priority: 0,
            tags: vec![format!("t{tag}")],
            version: 1,
            in_trash: false,
        });
    }

    /// Changes one todo. Todos in the trash refuse changes, and the version grows only if something changes.
    async fn change(&mut self, at: usize, method: Method, suffix: &str, body: Value, after: Todo) {
        let answer =
            self.client.send_json(method, &format!("{}{suffix}", path(&self.todos[at])), &body).await;
        if self.todos[at].in_trash {
            answer.assert_problem(409, "in_trash");
            return;
        }
        answer.assert(200);
        let changed = i64::from(after != self.todos[at]);
        self.todos[at] = Todo { version: after.version + changed, ..after };
    }

    fn turn(&mut self, at: usize, in_trash: bool) {
        let changed = i64::from(self.todos[at].in_trash != in_trash);
        self.todos[at].in_trash = in_trash;
        self.todos[at].version += changed;
    }

    async fn shift(&mut self, at: usize, to: usize, side: usize) {
        let (moved, sibling) = (self.todos[at].clone(), self.todos[to].clone());
        let body = match side {
            0 => json!({}),
            1 => json!({ "before": sibling.id }),
            _ => json!({ "after": sibling.id }),
        };
        let answer = self.client.post(&format!("{}/move", path(&moved)), body).await;
        if moved.in_trash {
            answer.assert_problem(409, "in_trash");
        } else if side > 0 && (sibling.in_trash || at == to) {
            answer.assert_faults(&[if side == 1 { "/before" } else { "/after" }]);
        } else {
            answer.assert(200);
            self.displaced.extend(self.todos.iter().filter(|todo| todo.in_trash).map(|todo| todo.id.clone()));
            let before = self.todos.clone();
            let moved = self.todos.remove(at);
            let place = self.todos.iter().position(|todo| todo.id == sibling.id);
            let place = match side {
                0 => self.todos.len(),
                1 => place.unwrap(),
                _ => place.unwrap() + 1,
            };
            self.todos.insert(place, moved);
            let live =
                |todos: &[Todo]| todos.iter().filter(|todo| !todo.in_trash).cloned().collect::<Vec<_>>();
            if live(&self.todos) == live(&before) {
                // A move to the current place changes nothing.
                self.todos = before;
            } else {
                self.todos[place].version += 1;
            }
        }
    }

    /// Checks that the service shows exactly the todos of the model, and that those with a defined place have the same
    /// order.
    async fn assert_same(&self) {
        for in_trash in [false, true] {
            let page =
                self.client.get(&format!("/v1/todos?limit=200&deleted={in_trash}")).await.assert(200).json();
            let shown: Vec<_> = page["items"].as_array().unwrap().iter().map(Self::read).collect();
            let expected: Vec<_> =
                self.todos.iter().filter(|todo| todo.in_trash == in_trash).cloned().collect();
            let steady = |todos: &[Todo]| -> Vec<_> {
                todos.iter().filter(|todo| !self.displaced.contains(&todo.id)).cloned().collect()
            };
            assert_eq!(steady(&shown), steady(&expected));
            let by_id = |mut todos: Vec<Todo>| {
                todos.sort_by(|a, b| a.id.cmp(&b.id));
                todos
            };
            assert_eq!(by_id(shown), by_id(expected));
        }
    }

    fn read(todo: &Value) -> Todo {
        Todo {
            id: todo["id"].as_str().unwrap().to_owned(),
            name: todo["name"].as_str().unwrap().to_owned(),
            completed: todo["completed"].as_bool().unwrap(),
            priority: PRIORITIES.iter().position(|word| todo["priority"] == *word).unwrap(),
            tags: todo["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag.as_str().unwrap().to_owned())
                .collect(),
            version: todo["version"].as_i64().unwrap(),
            in_trash: todo["deleted_at"].is_string(),
        }
    }
}

fn path(todo: &Todo) -> String {
    format!("/v1/todos/{}", todo.id)
}

#[test]
fn the_service_has_the_same_todos_as_the_model() {
    let cases = if std::env::var_os("TODO_API_TEST_LONG").is_some() { 1_000 } else { 40 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let users = std::cell::Cell::new(0);
    let result = runner.run(&proptest::collection::vec(step(), 1..40), |steps| {
        users.set(users.get() + 1);
        let name = format!("user{}", users.get());
        runtime.block_on(async {
            let client = app.v1_user(&name).await;
            let mut model = Model { client, todos: Vec::new(), made: 0, displaced: Vec::new() };
            for step in steps {
                model.run(step).await;
            }
            model.assert_same().await;
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
