//! The CPU time of the service itself, without a database or a socket. Run with `cargo bench`.

#![expect(clippy::unwrap_used, reason = "an unexpected value ends the run")]

use std::hint::black_box;
use std::sync::Arc;

use axum::response::IntoResponse;
use bson::oid::ObjectId;
use bson::{DateTime, RawDocument, RawDocumentBuf, doc};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use todo_api::auth::revocation::blacklist::{Blacklist, ENTRIES_MAX};
use todo_api::auth::revocation::store::Revocations;
use todo_api::auth::token::{Claims, Role, SigningKeys, Subject, TokenKind};
use todo_api::crypto::random_id::RandomId;
use todo_api::crypto::sealed::Sealer;
use todo_api::http::fields::Fields;
use todo_api::http::json_object::JsonObject;
use todo_api::http::pagination::Page;
use todo_api::http::query::Params;
use todo_api::mongo;
use todo_api::owned::Owned;
use todo_api::owned::order_key::OrderKeys;
use todo_api::todos::model::Todo;
use todo_api::todos::query::TodoQuery;
use todo_api::todos::wire::{TodoBody, TodoPatch};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: DateTime = DateTime::from_millis(1_764_576_000_000);

/// Every request verifies a token and looks it up in the blacklist.
fn token(bench: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _within = runtime.enter();
    let keys = SigningKeys::derive(&SECRET.into(), &[]).unwrap();
    let subject =
        Subject { user_id: ObjectId::new(), username: "ann".into(), roles: vec![Role::User], epoch: 0 };
    let token = keys.sign(&Claims::new(TokenKind::Access, subject, RandomId::new(), NOW, 900)).unwrap();
    // Nothing is sent to this address, because only the map is read.
    let db = runtime.block_on(mongo::connect(&"mongodb://127.0.0.1:1/".into(), false)).unwrap();
    let blacklist = Arc::new(Blacklist::new(Revocations::new(&db), ENTRIES_MAX));
    bench.bench_function("token, verified and looked up", |bench| {
        bench.iter(|| {
            let claims = keys.verify(black_box(&token), NOW).unwrap();
            black_box(blacklist.check_in_memory((&claims).into()))
        });
    });
}

fn stored(number: u32) -> RawDocumentBuf {
    let mut todo = Todo::blank(ObjectId::new(), ObjectId::new(), OrderKeys::default().last(NOW), NOW);
    todo.name = format!("Book the dentist before the winter, take {number}");
    let description = "Ask whether the letter of the insurance has come, and take it with you.";
    description.clone_into(&mut todo.description);
    todo.tags = vec!["home".to_owned(), "errand".to_owned()];
    let mut document = bson::serialize_to_document(&todo).unwrap();
    document.extend(todo.derived());
    document.extend(doc! { "due": { "date": "2026-12-01" } });
    RawDocumentBuf::try_from(&document).unwrap()
}

/// A page of 20 todos, from the bytes of the database to the bytes of the response, with the cursor.
fn page(bench: &mut Criterion) {
    let seals = Sealer::derive(&SECRET.into(), &[]).unwrap();
    let (user, stored): (_, Vec<_>) = (ObjectId::new(), (0..21).map(stored).collect());
    let mut group = bench.benchmark_group("page");
    group.throughput(Throughput::Elements(20));
    group.bench_function("of 20 todos, from BSON to JSON", |bench| {
        bench.iter(|| {
            let params = Params::new("/v1/todos?limit=20".parse().unwrap());
            let (query, page) = Page::read::<TodoQuery>(params, &seals, user).unwrap();
            let (mut items, mut last) = (page.items(), Vec::new());
            for stored in &stored {
                if items.push(&TodoBody::from(Todo::read(stored).unwrap())).unwrap() {
                    last.clear();
                    last.extend_from_slice(stored.as_bytes());
                }
            }
            let last = query.sort.key(RawDocument::from_bytes(&last).unwrap()).unwrap();
            black_box(page.listing(items, last.bytes().ok()).unwrap().into_response())
        });
    });
    group.finish();
    let sealed = seals.seal(b"context", b"a0123456789abcd and an id").unwrap();
    bench.bench_function("cursor, opened", |bench| {
        bench.iter(|| black_box(seals.open(b"context", black_box(&sealed)).unwrap()));
    });
}

/// A body is parsed and validated, then applied to a todo.
fn patch(bench: &mut Criterion) {
    let body =
        br#"{"name":"Book the dentist","tags":["home"],"due":{"date":"2026-12-01"},"priority":"high"}"#;
    let todo = Todo::read(&stored(1)).unwrap();
    bench.bench_function("merge patch, read and applied", |bench| {
        bench.iter(|| {
            let TodoPatch(input) = Fields::read(JsonObject::parse(black_box(body)).unwrap()).unwrap();
            let mut todo = todo.clone();
            todo.apply(input, NOW).unwrap();
            black_box(todo)
        });
    });
}

/// New positions at the end of an order, and between two others.
fn positions(bench: &mut Criterion) {
    let positions = OrderKeys::default();
    bench.bench_function("position, last", |bench| bench.iter(|| black_box(positions.last(NOW))));
    let (low, high) = (positions.last(NOW), positions.last(NOW));
    bench.bench_function("position, between two", |bench| {
        bench.iter(|| black_box(positions.between(Some(&low), Some(&high), NOW).unwrap()));
    });
}

criterion_group!(benches, token, page, patch, positions);
criterion_main!(benches);
