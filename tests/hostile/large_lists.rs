//! A user with as many todos as possible, all in one list and with one tag: every request is cheap enough for others, and
//! what happens to all todos at once is answered soon, and looks done at once.

use std::time::{Duration, Instant};

use bson::doc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::assault::Assault;
use crate::attacker::HOSTILE;
use crate::bulk;
use crate::costs::Costs;
use crate::fleet::account::{Account, id_of};
use crate::fleet::faults::Faults;
use crate::fleet::instance::{Answer, Instance};
use crate::meter::millis;

const TODOS: usize = 10_000;
/// The limit of the acceptance for one request, in milliseconds of CPU time of the database.
const CPU_MAX: f64 = 300.0;
/// The pages of a full sync.
const PAGES: u32 = 50;
/// How soon a change of everything is answered.
const ANSWERED: Duration = Duration::from_secs(1);
/// How long the rest of a change may take.
const FINISHED: Duration = Duration::from_mins(1);

struct Hoard {
    account: Account,
    list: String,
    last: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_of_a_user_with_very_many_todos() {
    let mut arena = Arena::prepare("large_lists", &[]).await;
    let hoard = Hoard::fill(&arena).await;
    arena.restart().await;
    let mut costs = Costs::new(&arena).await;
    for path in reads(&hoard.list) {
        costs.measure(&arena, &hoard.account, &path, &path).await;
    }
    hoard.sync_fully(&arena, &mut costs).await;
    costs.print(&arena, CPU_MAX);
    let faults = arena.faults.clone();
    arena
        .attack(&format!("trash, restore and rename of {TODOS}"), async |assault| {
            hoard.change_everything(&assault, &faults).await;
        })
        .await;
    arena.all_are_live(&hoard.account).await;
    arena.end().await;
}

/// Pages in every order, with every filter, and everything that counts.
fn reads(list: &str) -> Vec<String> {
    let mut paths: Vec<_> = ["position", "due", "priority", "name", "created_at", "updated_at"]
        .iter()
        .flat_map(|sort| [format!("/v1/todos?sort={sort}&limit=200"), format!("/v1/todos?sort=-{sort}")])
        .collect();
    let filters = [
        "completed=true",
        "completed=false&sort=name",
        "tag=all&sort=-due",
        "tag=all&tag=rare",
        "priority=high&sort=-updated_at",
        "due_before=2026-01-02&sort=name",
        "due_after=2030-01-01&sort=priority",
        "updated_after=2020-01-01T00:00:00Z&sort=name",
        "parent_id=none&sort=due",
        "list_id=none&sort=name",
        "q=todo",
        "q=todo&sort=name",
        "q=todo+many+words&sort=-due&completed=true",
        "q=t+m+w",
        "deleted=any&sort=name",
        "deleted=true",
        "completed=true&tag=rare&priority=none&due_after=2020-01-01&q=absent&sort=name",
    ];
    paths.extend(filters.iter().map(|filter| format!("/v1/todos?{filter}")));
    paths.push(format!("/v1/todos?list_id={list}&sort=name&limit=200"));
    paths.extend(["/v1/tags?limit=200", "/v1/lists", "/todolist"].map(str::to_owned));
    paths
}

impl Hoard {
    async fn fill(arena: &Arena) -> Self {
        let (account, instance) = (arena.register("mallory").await, arena.hostile_instance());
        let body = json!({ "name": "everything" });
        let list = account.call(&instance, Method::POST, "/v1/lists", &body).await;
        let list = id_of(&list.body).to_owned();
        let todo = |number: usize| {
            let priority = ["none", "low", "medium", "high"][number % 4];
            let tags = if number.is_multiple_of(100) { vec!["all", "rare"] } else { vec!["all"] };
            json!({
                "name": format!("todo {number} with many words"), "list_id": list, "completed": number.is_multiple_of(3),
                "due": { "date": format!("2026-{:02}-{:02}", number % 12 + 1, number % 28 + 1) },
                "priority": priority,
                "tags": tags,
            })
        };
        let ids = bulk::create(&account, &instance, (0..TODOS).map(todo)).await;
        Self { account, list, last: ids.last().unwrap().to_hex() }
    }

    /// Measures a full read in pages, as a new client does it.
    async fn sync_fully(&self, arena: &Arena, costs: &mut Costs) {
        let (instance, mut token) = (arena.hostile_instance(), Value::Null);
        costs
            .measure_all(arena, "page of a full sync", PAGES, async |_| {
                let body = json!({ "token": token });
                let page = self.account.call(&instance, Method::POST, "/v1/sync", &body).await;
                token = page.body["token"].clone();
                page
            })
            .await;
    }

    /// Changes all todos again and again, and looks at the result right after each response.
    async fn change_everything(&self, assault: &Assault, faults: &Faults) {
        let instance = Instance::from_address(0, &assault.url, HOSTILE);
        let (list, tags) = (format!("/v1/lists/{}", self.list), ["all", "each"]);
        let restore = format!("{list}/restore");
        let mut slowest = Duration::ZERO;
        for round in 0.. {
            if assault.stop.is_set() {
                break;
            }
            let tag = format!("/v1/tags/{}", tags[round % 2]);
            let new = json!({ "name": tags[(round + 1) % 2] });
            let changes = [
                (Method::DELETE, &list, Value::Null, 0, true),
                (Method::POST, &restore, Value::Null, 1, false),
                (Method::PATCH, &tag, new.clone(), 1, false),
            ];
            for (method, path, body, live, is_trashed) in changes {
                let what = format!("{method} {path}");
                let answer = self.account.call(&instance, method, path, &body).await;
                assault.tally.count(answer.status);
                slowest = slowest.max(answer.took());
                faults.check(answer.is_success() && answer.took() < ANSWERED, || {
                    format!(
                        "{what}: {} after {:.0} ms: {:.200}",
                        answer.status,
                        millis(answer.took()),
                        answer.body.to_string()
                    )
                });
                let tag = if path.ends_with("restore") || is_trashed {
                    tags[round % 2]
                } else {
                    tags[(round + 1) % 2]
                };
                self.looks_done(&instance, faults, &what, live, is_trashed, tag).await;
            }
        }
        println!("the slowest change of {TODOS} todos was answered after {:.0} ms", millis(slowest));
    }

    async fn looks_done(
        &self,
        instance: &Instance,
        faults: &Faults,
        what: &str,
        live: usize,
        is_trashed: bool,
        tag: &str,
    ) {
        let get = async |path: String| self.account.call(instance, Method::GET, &path, &Value::Null).await;
        let in_list = get(format!("/v1/todos?list_id={}&limit=1", self.list)).await;
        let tagged = get(format!("/v1/todos?tag={tag}&limit=1")).await;
        let last = get(format!("/v1/todos/{}", self.last)).await;
        let trashed = get("/v1/todos?deleted=true&limit=1".to_owned()).await;
        let count = |answer: &Answer| answer.body["items"].as_array().map(Vec::len);
        let seen = (
            count(&in_list),
            count(&tagged),
            !last.body["deleted_at"].is_null(),
            last.body["tags"].as_array().is_some_and(|tags| tags.iter().any(|own| own == tag)),
            count(&trashed),
        );
        let expected = (Some(live), Some(live), is_trashed, true, Some(usize::from(is_trashed)));
        faults.check(seen == expected, || {
            format!(
                "right after {what}, (in the list, with the tag, the last one in the trash, with the tag, in the trash) \
                 are {seen:?}, not {expected:?}"
            )
        });
    }
}

impl Arena {
    /// Waits until the last change of everything has reached every document.
    async fn all_are_live(&self, account: &Account) {
        let todos = self.database().await.collection::<bson::Document>("todos");
        let live = doc! { "owner_id": account.id, "state": "live" };
        let (began, expected) = (Instant::now(), u64::try_from(TODOS).unwrap());
        while todos.count_documents(live.clone()).await.unwrap() != expected {
            if began.elapsed() > FINISHED {
                let found = todos.count_documents(live.clone()).await.unwrap();
                return self.faults.add(&format!("only {found} of {TODOS} todos came back"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
