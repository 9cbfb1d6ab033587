//! The CPU time of the database for the most expensive requests that are allowed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::bulk;
use crate::fleet::account::Account;
use crate::fleet::instance::Answer;
use crate::meter::millis;
use crate::search::path;
use crate::table;
use crate::tags::tagged;
use crate::texts::{DESCRIPTION, short_words, unspaced};

/// The limits of the acceptance, in milliseconds of CPU time.
const SEARCH_MAX: f64 = 20.0;
const TAGS_MAX: f64 = 50.0;

const TODOS: usize = 100;
const TAGGED: usize = 2_000;
/// How long the database is watched without requests, to know what it needs anyway.
const WATCHED: Duration = Duration::from_secs(2);
/// How often a request is repeated to be measured: long enough for the resolution of the CPU time.
const REPETITIONS: u32 = 20;
/// How many measurements are part of the table.
const SHOWN: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn worst_search_and_page_of_tags() {
    let mut arena = Arena::prepare("costs", &[]).await;
    let (searcher, instance) = (arena.register("searcher").await, arena.hostile_instance());
    let tagger = arena.register("tagger").await;
    // Three characters per word with its space, so that the description is full.
    let words = short_words(DESCRIPTION / 3);
    let todo = |number: usize| match number % 2 {
        0 => json!({ "name": "words", "description": words.join(" ") }),
        _ => json!({ "name": "ideographs", "description": unspaced(number) }),
    };
    bulk::create(&searcher, &instance, (0..TODOS).map(todo)).await;
    bulk::create(&tagger, &instance, tagged(TAGGED)).await;
    arena.restart().await;
    let mut costs = Costs::new(&arena).await;
    for (what, words) in searches(&words) {
        costs.measure(&arena, &searcher, &format!("search for {what}"), &path(&words)).await;
    }
    costs.print(&arena, SEARCH_MAX);
    let mut costs = Costs::new(&arena).await;
    costs.measure(&arena, &tagger, "page of tags", "/v1/tags?limit=1").await;
    costs.print(&arena, TAGS_MAX);
    arena.end().await;
}

/// What may be expensive to look up in the index or in the texts.
fn searches(words: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let letters: Vec<_> = ('a'..='j').map(String::from).collect();
    let last = words[words.len() - 10..].to_vec();
    let absent = [&words[..9], &["zzzz".to_owned()]].concat();
    let ideographs: String = unspaced(1).chars().take(10).collect();
    vec![
        ("10 words", words[..10].to_vec()),
        ("10 letters", letters),
        ("the 10 last words", last),
        ("9 words and an absent one", absent),
        ("10 ideographs", vec![ideographs]),
        ("one letter", vec!["a".to_owned()]),
    ]
}

/// The CPU time that requests need in the database.
pub(crate) struct Costs {
    /// The share of a processor that the database needs without requests.
    idle: f64,
    /// In milliseconds.
    costs: Vec<(f64, String)>,
}

impl Costs {
    pub(crate) async fn new(arena: &Arena) -> Self {
        let before = arena.mongod.cpu();
        tokio::time::sleep(WATCHED).await;
        let idle = (arena.mongod.cpu() - before) / WATCHED.as_secs_f64();
        Self { idle, costs: Vec::new() }
    }

    /// Measures a `GET`.
    pub(crate) async fn measure(&mut self, arena: &Arena, account: &Account, what: &str, path: &str) {
        let instance = arena.hostile_instance();
        self.measure_all(arena, what, REPETITIONS, async |_| {
            account.call(&instance, Method::GET, path, &Value::Null).await
        })
        .await;
    }

    /// Measures the average of requests, which `request` sends, until they have taken [`WATCHED`].
    pub(crate) async fn measure_all(
        &mut self,
        arena: &Arena,
        what: &str,
        count: u32,
        mut request: impl AsyncFnMut(u32) -> Answer,
    ) {
        let (before, mut slowest, mut time, mut sent) =
            (arena.mongod.cpu(), Duration::ZERO, Duration::ZERO, 0);
        while sent < count && time < WATCHED {
            let answer = request(sent).await;
            arena.faults.check(answer.is_success(), || format!("{what}: {} {}", answer.status, answer.body));
            slowest = slowest.max(answer.took());
            time += answer.took();
            sent += 1;
        }
        let used = (arena.mongod.cpu() - before) - self.idle * time.as_secs_f64();
        let each = used.max(0.0) * 1_000.0 / f64::from(sent);
        let text = format!("{what}: {each:.1} ms, slowest of {sent} responses {:.0} ms", millis(slowest));
        println!("CPU time of mongod for {text}");
        self.costs.push((each, text));
    }

    /// Adds the most expensive requests to the table, and notes those above the limit.
    pub(crate) fn print(mut self, arena: &Arena, max: f64) {
        self.costs.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let (number, most) = (self.costs.len(), &self.costs[..self.costs.len().min(SHOWN)]);
        let most: Vec<_> = most.iter().map(|(_, text)| text.as_str()).collect();
        table::add(&format!("CPU time of mongod (limit {max:.0} ms), most of {number}: {}", most.join("; ")));
        for (each, text) in &self.costs {
            arena.faults.check(*each < max, || format!("CPU time of mongod above {max:.0} ms: {text}"));
        }
    }
}
