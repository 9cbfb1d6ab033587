//! `GET /v1/todos`: filters, orders, pages, search, moves and tags, and the index that each query uses.

use bson::oid::ObjectId;
use bson::{Document, doc};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const PRIORITIES: [&str; 4] = ["none", "low", "medium", "high"];

/// All names that a query shows, in pages of `limit`, following the cursors.
async fn walked(client: &Client, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/todos?limit={limit}{query}{cursor}")).await.assert(200);
        let body = page.json();
        all.extend(
            body["items"].as_array().unwrap().iter().map(|todo| todo["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = body["next_cursor"].as_str() else { return all };
        assert!(page.header("link").contains(next) && page.header("link").ends_with("; rel=\"next\""));
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn paging_is_complete_in_every_order_and_direction() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for n in 0..23_usize {
        let due = if n % 3 == 0 {
            Value::Null
        } else {
            json!({ "date": format!("2026-12-{:02}", 1 + n * 7 % 28) })
        };
        let body = json!({ "name": format!("{:02}", n * 11 % 23), "due": due, "priority": PRIORITIES[n % 4], "completed": n % 5 == 0 });
        ann.create_todo(body).await;
        app.advance(1);
    }
    let all = "";
    for (filter, count) in [(all, 23), ("&priority=none", 6), ("&priority=low", 6), ("&q=0+1", 0)] {
        for sort in ["position", "due", "priority", "completed_at", "name", "created_at", "updated_at"] {
            for sign in ["", "-"] {
                let query = format!("{filter}&sort={sign}{sort}");
                let whole = ann.todo_names(&format!("?limit=200{query}")).await;
                assert_eq!(walked(&ann, &query, 4).await, whole, "{query}");
                assert_eq!(whole.len(), count, "{query}");
            }
        }
    }
    let by_priority = |sort: &str| {
        let (ann, path) = (ann.clone(), format!("/v1/todos?sort={sort}&limit=200"));
        async move {
            let page = ann.get(&path).await.json();
            let rank = |todo: &Value| PRIORITIES.iter().position(|word| todo["priority"] == *word).unwrap();
            page["items"].as_array().unwrap().iter().map(rank).collect::<Vec<_>>()
        }
    };
    let (ascending, mut descending) = (by_priority("priority").await, by_priority("-priority").await);
    descending.reverse();
    assert!(ascending.is_sorted() && ascending == descending, "{ascending:?} {descending:?}");
    let by_due = ann.get("/v1/todos?sort=-due&limit=200").await.json();
    let dues: Vec<_> =
        by_due["items"].as_array().unwrap().iter().map(|todo| todo["due"]["date"].as_str()).collect();
    assert!(
        dues[..15].windows(2).all(|pair| pair[0] >= pair[1]) && dues[15..].iter().all(Option::is_none),
        "{dues:?}"
    );
    assert!(ann.todo_names("?sort=name&limit=200").await.is_sorted());
}

#[tokio::test]
async fn paging_shows_every_unchanged_todo_once_during_changes() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut passing = Vec::new();
    for n in 0..40 {
        let id = ann.create_todo(json!({ "name": format!("kept {n:02}") })).await;
        passing.push((n, id));
    }
    let (mut seen, mut cursor, mut turn) = (Vec::new(), String::new(), 0);
    loop {
        let page = ann.get(&format!("/v1/todos?limit=7{cursor}")).await.assert(200).json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|todo| todo["name"].as_str().unwrap().to_owned()),
        );
        ann.create_todo(json!({ "name": "new" })).await;
        // The last shown todo is deleted.
        let shown = page["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        ann.delete(&format!("/v1/todos/{shown}?permanent=true")).await.assert(204);
        turn += 1;
        let Some(next) = page["next_cursor"].as_str().filter(|_| turn < 20) else { break };
        cursor = format!("&cursor={next}");
    }
    seen.retain(|name| name != "new");
    let all: Vec<_> = passing.iter().map(|(n, _)| format!("kept {n:02}")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_cursor_works_only_for_its_user_filter_and_order() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.v1_user("ann").await, app.v1_user("bob").await);
    for client in [&ann, &bob] {
        for n in 0..3 {
            client.create_todo(json!({ "name": n.to_string() })).await;
        }
    }
    let page = ann.get("/v1/todos?limit=1&completed=false").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    ann.get(&format!("/v1/todos?completed=false&limit=2&cursor={cursor}")).await.assert(200);
    for query in ["completed=true", "sort=name", "completed=false&sort=position", ""] {
        ann.get(&format!("/v1/todos?{query}&cursor={cursor}")).await.assert_faults(&["/cursor"]);
    }
    bob.get(&format!("/v1/todos?limit=1&completed=false&cursor={cursor}")).await.assert_faults(&["/cursor"]);
    ann.get(&format!("/v1/todos?limit=1&completed=false&cursor={cursor}A")).await.assert_faults(&["/cursor"]);
}

#[tokio::test]
async fn filters_combine() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    let top = ann
        .create_todo(json!({ "name": "top", "list_id": list, "tags": ["a", "b"], "priority": "high" }))
        .await;
    ann.create_todo(json!({ "name": "sub", "parent_id": top, "tags": ["a"], "completed": true })).await;
    app.advance(10);
    let between = bson::DateTime::from_millis(app.clock.now().timestamp_millis() - 5_000);
    ann.create_todo(json!({ "name": "loose", "tags": ["b"], "priority": "high" })).await;
    let since = format!("?updated_after={}", todo_api::clock::rfc3339(between));
    for (query, expected) in [
        (format!("?list_id={list}"), vec!["top", "sub"]),
        ("?list_id=none".to_owned(), vec!["loose"]),
        (format!("?parent_id={top}"), vec!["sub"]),
        ("?parent_id=none".to_owned(), vec!["top", "loose"]),
        ("?completed=true".to_owned(), vec!["sub"]),
        ("?completed=false".to_owned(), vec!["top", "loose"]),
        ("?tag=a".to_owned(), vec!["top", "sub"]),
        ("?tag=a&tag=b".to_owned(), vec!["top"]),
        ("?priority=high".to_owned(), vec!["top", "loose"]),
        ("?priority=high&tag=b&list_id=none".to_owned(), vec!["loose"]),
        (since, vec!["loose"]),
        ("?q=LO".to_owned(), vec!["loose"]),
        ("?q=lo&tag=a".to_owned(), vec![]),
    ] {
        assert_eq!(ann.todo_names(&query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn due_dates_are_compared_in_the_users_zone() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.patch("/v1/user", json!({ "time_zone": "Pacific/Auckland" })).await.assert(200);
    for (name, due) in [
        ("day", json!({ "date": "2026-12-01" })),
        ("floating", json!({ "at": "2026-12-01T23:30", "time_zone": null })),
        // 2026-12-02 in Auckland.
        ("berlin", json!({ "at": "2026-12-01T23:30", "time_zone": "Europe/Berlin" })),
        // 2026-12-01 in Auckland.
        ("honolulu", json!({ "at": "2026-11-30T08:00", "time_zone": "Pacific/Honolulu" })),
    ] {
        ann.create_todo(json!({ "name": name, "due": due })).await;
    }
    ann.create_todo(json!({ "name": "never" })).await;
    assert_eq!(ann.todo_names("?due_before=2026-12-02").await, ["day", "floating", "honolulu"]);
    assert_eq!(ann.todo_names("?due_after=2026-12-01").await, ["berlin"]);
    assert_eq!(ann.todo_names("?due_before=2026-12-01").await, [""; 0]);
    // Times as generated clients and languages write them.
    let by_instant = ann.todo_names("?due_before=2026-12-01T10:30:01Z").await;
    for sent in ["2026-12-01T11:30:01%2B0100", "2026-12-01+11:30:01+%2B0100", "2026-12-01%2010:30:01Z"] {
        assert_eq!(ann.todo_names(&format!("?due_before={sent}")).await, by_instant, "{sent}");
    }
    for name in ["due_before", "due_after", "updated_after", "completed_before", "completed_after"] {
        let refused = ann.get(&format!("/v1/todos?{name}=2026-12-01T11:30:01+01:00")).await;
        let refused = refused.assert_faults(&[&format!("/{name}")]);
        assert!(refused.text().contains("%2B"), "{}", refused.text());
    }
    assert_eq!(ann.todo_names("?due_after=2026-12-01T23:30").await, ["berlin"]);
    assert_eq!(
        ann.todo_names("?due_after=2026-12-01T10:29:59Z&due_before=2026-12-01T10:30:01Z").await,
        ["floating"]
    );
}

#[tokio::test]
async fn search_finds_word_prefixes_in_any_script() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for name in ["Crème brûlée", "STRASSE 12", "купить Молоко", "買牛奶", "a.b*c[d]$e", "👍 done"]
    {
        ann.create_todo(json!({ "name": name, "description": "plain words" })).await;
    }
    for (q, expected) in [
        ("creme+bru", vec!["Crème brûlée"]),
        ("stra%C3%9Fe", vec!["STRASSE 12"]),
        ("%D0%BC%D0%BE%D0%BB", vec!["купить Молоко"]),
        ("%E7%89%9B", vec!["買牛奶"]),
        ("reme", vec![]),
        ("%F0%9F%91%8D", vec!["👍 done"]),
        ("%24ne", vec![]),
        ("%24e", vec!["a.b*c[d]$e"]),
        ("abc", vec![]),
        ("ab", vec!["a.b*c[d]$e"]),
        ("a-b", vec!["a.b*c[d]$e"]),
        ("b", vec!["Crème brûlée", "a.b*c[d]$e"]),
    ] {
        assert_eq!(ann.todo_names(&format!("?q={q}")).await, expected, "{q}");
    }
    assert_eq!(ann.todo_names("?q=plai+wor").await.len(), 6);
}

#[tokio::test]
async fn a_run_without_spaces_is_found_where_it_is_whole() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (name, description) in [
        ("東京タワーへ", ""),
        ("東京、京タ、タワ、ワー", "東京タワ"),
        ("x", "明日は東京タワー"),
        ("東京", "タワー"),
    ] {
        ann.create_todo(json!({ "name": name, "description": description })).await;
    }
    assert_eq!(ann.todo_names("?q=東京タワー").await, ["東京タワーへ", "x"]);
    assert_eq!(ann.todo_names("?q=東京+タワー").await, ["東京タワーへ", "x", "東京"]);
    assert_eq!(ann.todo_names("?q=へ").await, ["東京タワーへ"]);
    assert_eq!(ann.todo_names("?q=ー").await.len(), 4);
    let (long, longer) = ("n".repeat(30), "n".repeat(40));
    for name in [&long, &longer] {
        ann.create_todo(json!({ "name": name })).await;
    }
    assert_eq!(ann.todo_names(&format!("?q={}", "n".repeat(26))).await, [long.as_str(), &longer]);
    assert_eq!(ann.todo_names(&format!("?q={}", "n".repeat(31))).await, [longer.as_str()]);
}

#[tokio::test]
async fn the_first_300_words_are_searchable() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let words = (0..400).map(|n| format!("w{n:03}")).collect::<Vec<_>>().join(" ");
    ann.create_todo(json!({ "name": "name w000", "description": words })).await;
    assert_eq!(ann.todo_names("?q=name+w001+w298").await.len(), 1);
    assert_eq!(ann.todo_names("?q=w299").await.len(), 0);
    let stored = app.db.all("todos").await.remove(0);
    assert_eq!(stored.get_array("words").unwrap().len(), 300);
}

/// Stores copies of the user's only todo, `count` of them, each with the name and the words that `of` gives it.
async fn copied(app: &TestApp, count: usize, of: impl Fn(usize) -> (String, Vec<String>)) {
    let todos = app.db.collection("todos");
    let model = todos.find_one(doc! {}).await.unwrap().unwrap();
    let copy = |n: usize| {
        let (name, words) = of(n);
        let mut copy = model.clone();
        let priority = i32::from(!n.is_multiple_of(3));
        let due = n.is_multiple_of(2).then(|| format!("2026-12-{:02}", 1 + n % 28));
        copy.extend(doc! { "_id": ObjectId::new(), "sort_name": &name, "name": name, "words": words });
        copy.extend(doc! { "position": format!("b{:04}", n * 7 % count), "priority": priority });
        copy.extend(doc! { "due": due.clone().map(|due| doc! { "date": due }), "due_local": due });
        copy
    };
    todos.insert_many((0..count).map(copy)).await.unwrap();
}

/// Longer than the words in the index, which has its beginning in every todo. No name has the whole word.
const LONG: &str = "internationalizationsandlocalizations";
/// `ofte 東京タワー`
const HAN: &str = "ofte+%E6%9D%B1%E4%BA%AC%E3%82%BF%E3%83%AF%E3%83%BC";

#[tokio::test]
async fn a_search_among_many_todos_is_complete_and_examines_few_at_a_time() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "model" })).await;
    // `often` is in every todo, `some` in one half of them, `uneven` in the other half, and `rare` in 14.
    copied(&app, 1_400, |n| {
        let kinds = [("often", 1), ("some", 2), ("rare", 100)];
        let words: Vec<&str> =
            kinds.into_iter().filter(|(_, every)| n % every == 0).map(|(word, _)| word).collect();
        let han = if n % 10 == 0 { "東京タワー" } else { "東京、京タ、ワー" };
        let words = words
            .into_iter()
            .chain((n % 2 == 1).then_some("uneven"))
            .chain(["東京", "京タ", "ワー"])
            .map(str::to_owned)
            .chain([LONG.chars().take(24).collect()])
            .collect();
        (format!("{n:04} {han}"), words)
    })
    .await;
    for (q, count) in [
        ("often", 1_400),
        ("often+some", 700),
        ("often+rare", 14),
        ("o+s+r", 14),
        ("some+absent", 0),
        ("some+uneven", 0),
        (HAN, 140),
    ] {
        for sort in ["position", "-position", "name", "due", "-due", "priority", "-completed_at"] {
            let found = walked(&ann, &format!("&q={q}&sort={sort}"), 200).await;
            let distinct: std::collections::HashSet<_> = found.iter().collect();
            assert_eq!((found.len(), distinct.len()), (count, count), "{q} {sort}");
            assert!(sort != "name" || found.is_sorted(), "{q}");
        }
    }
    // A page may end without an item.
    let page = ann.get(&format!("/v1/todos?q={LONG}")).await.json();
    assert!(page["items"].as_array().unwrap().is_empty() && page["next_cursor"].is_string(), "{page}");
    for query in [
        "q=often",
        "q=often+rare&sort=name",
        "q=some+uneven",
        &format!("q={LONG}"),
        &format!("q={HAN}&limit=200&sort=due"),
    ] {
        app.db.run(doc! { "profile": 2 }).await;
        ann.get(&format!("/v1/todos?{query}")).await.assert(200);
        app.db.run(doc! { "profile": 0 }).await;
        let profile = app.db.collection("system.profile");
        let found = profile.find(doc! { "ns": { "$regex": "todos$" } }).await.unwrap();
        let found: Vec<Document> = found.try_collect().await.unwrap();
        app.db.run(doc! { "drop": "system.profile" }).await;
        let sum = |name: &str| found.iter().filter_map(|one| one.get_i32(name).ok()).sum::<i32>();
        // Two for each examined todo, because an index does not tell a missing due date from null.
        assert!(sum("docsExamined") <= 2 * (128 + 1_000), "{query}: {}", sum("docsExamined"));
        assert!(found.len() <= 40, "{query}: {} queries", found.len());
    }
    // Todos of the original have no order.
    let tie = doc! { "$set": { "position": "b" } };
    app.db.collection("todos").update_many(doc! {}, tie).await.unwrap();
    for (q, sort, count) in [("often", "position", 1_400), ("often+rare", "-position", 14)] {
        let found = walked(&ann, &format!("&q={q}&sort={sort}"), 200).await;
        assert_eq!(found.len(), count, "{q} {sort}");
    }
}

#[tokio::test]
async fn moves_produce_the_requested_order() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(ann.create_todo(json!({ "name": name })).await);
    }
    for (moved, body, expected) in [
        (0, json!({}), "bcda"),
        (3, json!({ "before": ids[1] }), "dbca"),
        (2, json!({ "after": ids[3] }), "dcba"),
        (0, json!({ "before": ids[2] }), "dacb"),
    ] {
        ann.post(&format!("/v1/todos/{}/move", ids[moved]), body).await.assert(200);
        assert_eq!(ann.todo_names("").await.concat(), expected);
    }
    let path = format!("/v1/todos/{}/move", ids[0]);
    ann.post(&path, json!({ "before": ids[0] })).await.assert_faults(&["/before"]);
    ann.post(&path, json!({ "before": ids[1], "after": ids[2] })).await.assert_faults(&["/after"]);
    ann.post(&path, json!({ "after": "0123456789abcdef01234567" })).await.assert_faults(&["/after"]);

    // All moves go into the same gap, until it is full and the neighbours are spread.
    for turn in 0..90 {
        let moved = &ids[[1, 3][turn % 2]];
        ann.post(&format!("/v1/todos/{moved}/move"), json!({ "after": ids[0] })).await.assert(200);
        let (order, moved) = (ann.todo_names("").await, ["b", "d"][turn % 2]);
        let at = order.iter().position(|name| name == "a").unwrap();
        assert_eq!(order[at + 1], moved, "{turn}");
    }
    let todos = ann.get("/v1/todos").await.json();
    assert!(
        todos["items"].as_array().unwrap().iter().all(|todo| todo["position"].as_str().unwrap().len() <= 64)
    );
    let both = [0, 1].map(|n| {
        let (ann, body, path) =
            (ann.clone(), json!({ "after": ids[3] }), format!("/v1/todos/{}/move", ids[n]));
        async move { ann.post(&path, body).await.assert(200).json()["position"].clone() }
    });
    let positions = futures_util::future::join_all(both).await;
    assert_ne!(positions[0], positions[1]);
}

#[tokio::test]
async fn concurrent_moves_do_not_create_a_cycle() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for _ in 0..10 {
        let (a, b) =
            (ann.create_todo(json!({ "name": "a" })).await, ann.create_todo(json!({ "name": "b" })).await);
        let both = [(&a, &b), (&b, &a)].map(|(moved, under)| {
            let (ann, body) = (ann.clone(), json!({ "parent_id": under }));
            let path = format!("/v1/todos/{moved}/move");
            async move { ann.post(&path, body).await.status.as_u16() }
        });
        let statuses = futures_util::future::join_all(both).await;
        assert!(
            statuses.iter().all(|status| [200, 422].contains(status)) && statuses.contains(&422),
            "{statuses:?}"
        );
        let mut parents = Vec::new();
        for id in [&a, &b] {
            parents.push(ann.get(&format!("/v1/todos/{id}")).await.json()["parent_id"].clone());
        }
        assert!(parents.contains(&Value::Null), "{parents:?}");
    }
}

#[tokio::test]
async fn tags_are_counted_renamed_merged_and_removed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "1", "tags": ["$home", "x"] })).await;
    ann.create_todo(json!({ "name": "2", "tags": ["x", "house"], "completed": true })).await;
    let path = format!("/v1/todos/{id}/tags/a%2Fb");
    for _ in 0..2 {
        assert_eq!(ann.put(&path, json!({})).await.assert(200).json()["version"], 2);
    }
    let tag =
        |name: &str, open: i64, total: i64| json!({ "name": name, "open_count": open, "total_count": total });
    let page = json!({ "items": [tag("$home", 1, 1), tag("a/b", 1, 1), tag("house", 0, 1), tag("x", 1, 2)], "next_cursor": null });
    ann.get("/v1/tags").await.assert_json(200, &page);
    ann.patch("/v1/tags/x", json!({ "name": "$home" })).await.assert_json(200, &tag("$home", 1, 2));
    assert_eq!(ann.get(&format!("/v1/todos/{id}")).await.json()["tags"], json!(["$home", "a/b"]));
    ann.delete("/v1/tags/house").await.assert(204);
    ann.delete("/v1/tags/house").await.assert_problem(404, "not_found");
    ann.patch("/v1/tags/x", json!({ "name": "y" })).await.assert_problem(404, "not_found");
    ann.patch("/v1/tags/a%2Fb", json!({ "name": " " })).await.assert_faults(&["/name"]);
    ann.delete(&path).await.assert(200);
    let page = ann.get("/v1/tags?limit=1").await.json();
    assert_eq!(page, json!({ "items": [tag("$home", 1, 2)], "next_cursor": null }));
}

#[tokio::test]
async fn tags_are_counted_page_by_page() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "model", "tags": ["all"] })).await;
    let todos = app.db.collection("todos");
    let model = todos.find_one(doc! {}).await.unwrap().unwrap();
    let copy = |n: usize| {
        let mut copy = model.clone();
        let own = format!("own {n:03}");
        let tags = ["all", "a", own.as_str(), ["x", "y", "z"][n % 3], "zz"];
        let keys = tags.map(todo_api::tags::model::key);
        copy.extend(doc! { "_id": ObjectId::new(), "tags": tags.to_vec(), "tag_keys": keys.to_vec() });
        copy.insert("completed", n.is_multiple_of(4));
        if n >= 600 {
            copy.insert("state", "trash");
        }
        copy
    };
    todos.insert_many((0..620).map(copy)).await.unwrap();
    for limit in [1, 7, 200] {
        if limit == 1 {
            let first = json!([{ "name": "a", "open_count": 450, "total_count": 600 }]);
            assert_eq!(ann.get("/v1/tags?limit=1").await.json()["items"], first);
            continue;
        }
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ann.get(&format!("/v1/tags?limit={limit}{cursor}")).await.assert(200).json();
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.len() == limit || page["next_cursor"].is_null());
            all.extend(items);
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let count = |name: &str| {
            let tag = all.iter().find(|tag| tag["name"] == name).unwrap();
            (tag["open_count"].as_i64().unwrap(), tag["total_count"].as_i64().unwrap())
        };
        assert_eq!(all.len(), 606, "{limit}");
        assert!(all.iter().map(|tag| tag["name"].as_str().unwrap()).is_sorted());
        assert_eq!([count("a"), count("all"), count("zz")], [(450, 600), (451, 601), (450, 600)]);
        assert_eq!([count("x"), count("y"), count("z")], [(150, 200); 3]);
        assert_eq!([count("own 000"), count("own 599")], [(0, 1), (1, 1)]);
    }
}

/// The plan of the database for a query, with the numbers of examined and returned documents.
async fn explained(app: &TestApp, ann: &Client, query: &str) -> (String, i64, i64) {
    app.db.run(doc! { "profile": 2 }).await;
    ann.get(&format!("/v1/todos{query}")).await.assert(200);
    app.db.run(doc! { "profile": 0 }).await;
    let asked = doc! { "ns": { "$regex": "todos$" }, "command.find": "todos" };
    let asked: Document =
        app.db.collection("system.profile").find_one(asked).sort(doc! { "ts": -1 }).await.unwrap().unwrap();
    app.db.run(doc! { "drop": "system.profile" }).await;
    let plan = asked.get_str("planSummary").unwrap().to_owned();
    let sorted = asked.get_bool("hasSortStage").unwrap_or_default();
    let number =
        |name: &str| asked.get(name).map_or(0, |value| i64::from(value.as_i32().unwrap_or_default()));
    (format!("{plan}{}", if sorted { " SORT" } else { "" }), number("docsExamined"), number("nreturned"))
}

#[tokio::test]
async fn every_filter_and_order_uses_an_index() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    let parent = ann.create_todo(json!({ "name": "parent" })).await;
    for n in 0..120 {
        ann.create_todo(json!({
            "name": format!("name{n:03}"), "completed": n % 5 == 0, "tags": [format!("t{}", n % 4)],
            "priority": PRIORITIES[n % 4],
            "list_id": if n % 3 == 0 { json!(list) } else { Value::Null },
            "parent_id": if n % 3 == 1 { json!(parent) } else { Value::Null },
            "due": { "date": format!("2026-{:02}-{:02}", 1 + n % 12, 1 + n % 28) },
        }))
        .await;
    }
    let filters = [
        String::new(),
        format!("list_id={list}"),
        "list_id=none".into(),
        format!("parent_id={parent}"),
        "parent_id=none".into(),
        "completed=true".into(),
        "tag=t1".into(),
        "priority=high".into(),
        "priority=none".into(),
        "due_before=2026-03-01".into(),
        "due_after=2026-10-31".into(),
        "overdue=true".into(),
        "deleted=any".into(),
        "deleted=true".into(),
    ];
    for filter in filters {
        let (plan, examined, returned) = explained(&app, &ann, &format!("?limit=20&{filter}")).await;
        assert!(plan.starts_with("IXSCAN") && !plan.contains("SORT"), "{filter}: {plan}");
        assert!(examined <= 3 * returned.max(1), "{filter}: {examined} for {returned}");
    }
    for name in ["updated_after", "completed_after"] {
        let query = format!("?{name}=2020-01-01T00:00:00Z&limit=200");
        let (plan, examined, returned) = explained(&app, &ann, &query).await;
        assert!(plan.starts_with("IXSCAN") && examined <= 3 * returned, "{plan} {examined} {returned}");
    }
    for filter in ["completed=true", "completed_before=2100-01-01", "completed_after=2020-01-01"] {
        let (plan, examined, returned) =
            explained(&app, &ann, &format!("?{filter}&sort=-completed_at")).await;
        assert!(plan.starts_with("IXSCAN") && !plan.contains("SORT"), "{filter}: {plan}");
        assert_eq!((examined, returned), (24, 24), "{filter}");
    }
    // The last query is for todos without a due date, a priority or a time of completion. 24 todos are completed.
    for (sort, limit, without) in
        [("due", 200, 1), ("-due", 200, 1), ("-priority", 200, 31), ("completed_at", 50, 27)]
    {
        let (plan, examined, returned) = explained(&app, &ann, &format!("?limit={limit}&sort={sort}")).await;
        assert!(plan.starts_with("IXSCAN") && !plan.contains("SORT"), "{sort}: {plan}");
        assert_eq!((examined, returned), (without, without), "{sort}");
    }
    for sort in ["position", "due", "priority", "completed_at", "name", "created_at", "updated_at"] {
        for sign in ["", "-"] {
            let (plan, examined, returned) =
                explained(&app, &ann, &format!("?limit=20&sort={sign}{sort}")).await;
            assert!(plan.starts_with("IXSCAN") && !plan.contains("SORT"), "{sign}{sort}: {plan}");
            assert!(examined <= 3 * returned, "{sign}{sort}: {examined} for {returned}");
        }
    }
}

#[tokio::test]
async fn a_search_without_letters_digits_and_symbols_is_rejected() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for name in ["5 € → Ann", "C++ #1 👍", "an e-mail"] {
        ann.create_todo(json!({ "name": name })).await;
    }
    for (q, found) in [("€", "5 € → Ann"), ("→", "5 € → Ann"), ("👍", "C++ #1 👍"), ("C%2B%2B", "C++ #1 👍")]
    {
        assert_eq!(ann.todo_names(&format!("?q={q}")).await, [found], "{q}");
    }
    assert_eq!(ann.todo_names("?q=%231").await, ["C++ #1 👍"]);
    for q in ["email", "e-mail", "E.Mail", "mail"] {
        assert_eq!(ann.todo_names(&format!("?q={q}")).await, ["an e-mail"], "{q}");
    }
    for q in ["", "+", "%20%09%E3%80%80", ".*", "%2B%2B", "%23", "-+-+-+-+-+-+-+-+-+-", "%E2%80%8B"] {
        let answer = ann.get(&format!("/v1/todos?q={q}")).await.assert_faults(&["/q"]);
        assert_eq!(answer.json()["errors"][0]["code"], "no_words", "{q}");
    }
}

#[tokio::test]
async fn names_sort_as_people_sort_and_pages_are_complete() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let long = "x".repeat(499);
    let (long_a, long_b) = (format!("{long}a"), format!("{long}b"));
    let sorted = [
        "???",
        "…",
        "→ go",
        "🎂",
        "2",
        "10",
        "“book”",
        "Œuf",
        "ofen",
        "ʻOkina",
        "same",
        "SAME",
        "Sämé",
        "task 2",
        "task 10",
        &long_a,
        &long_b,
        "Якір",
        "東京",
    ];
    // The three equal names keep the order of their positions.
    for name in
        sorted.iter().filter(|name| !name.starts_with(['s', 'S'])).rev().chain(&["same", "SAME", "Sämé"])
    {
        ann.create_todo(json!({ "name": name })).await;
    }
    // A todo that an earlier version created during a release.
    ann.create_todo(json!({ "name": "earlier" })).await;
    let early = doc! { "name": { "$in": ["earlier", "2"] } };
    app.db.collection("todos").update_many(early, doc! { "$unset": { "sort_name": "" } }).await.unwrap();
    let expected: Vec<&str> =
        ["2", "earlier"].into_iter().chain(sorted.into_iter().filter(|name| *name != "2")).collect();
    for limit in [1, 4, 200] {
        assert_eq!(walked(&ann, "&sort=name", limit).await, expected, "{limit}");
        let mut reversed = walked(&ann, "&sort=-name", limit).await;
        reversed.reverse();
        assert_eq!(reversed, expected, "{limit}");
    }
}

#[tokio::test]
async fn a_search_has_at_most_ten_words() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "a b c d e f g h i j k" })).await;
    let words = |count: usize| {
        let letters: Vec<_> = "abcdefghijk".chars().take(count).map(String::from).collect();
        letters.join("+")
    };
    for q in [words(10), format!("++{}%09%E2%80%83", words(10)), "a-b+c.d".to_owned()] {
        ann.get(&format!("/v1/todos?q={q}")).await.assert(200);
    }
    assert_eq!(ann.todo_names(&format!("?q={}", words(10))).await.len(), 1);
    let pieces = (0..100).map(|n| format!("{n:03}")).collect::<Vec<_>>().join("-");
    for q in [words(11), "-+-+-+-+-+-+-+-+-+-+-".to_owned(), pieces] {
        let answer = ann.get(&format!("/v1/todos?q={q}")).await.assert_faults(&["/q"]);
        assert_eq!(answer.json()["errors"][0]["code"], "too_many_words", "{q}");
    }
    let tags = |count: usize| (0..count).map(|n| format!("tag={n}")).collect::<Vec<_>>().join("&");
    ann.get(&format!("/v1/todos?{}", tags(50))).await.assert(200);
    ann.get(&format!("/v1/todos?{}", tags(51))).await.assert_faults(&["/tag"]);
}
