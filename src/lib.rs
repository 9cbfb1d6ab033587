//! A todo service on MongoDB: users, sessions, todos, lists, tags, offline sync and live events. It also serves the API of
//! the Flask service that it replaces, on the same database. This page is for people who change the code. README.md
//! and docs/ are for people who run or call the service.
//!
//! # The path of a request
//!
//! ```text
//! request → layers (id, log, readiness, slot, deadline) → extractors (who, with what) → handler → operation → store → MongoDB
//!                                                                                         ↓         (model: the rules)
//!                                                                      wire type  ←  model value  ←  ←  ←
//! ```
//!
//! Calls go down and values come back up. Follow `PATCH /v1/todos/{id}` once and you know the code:
//!
//! 1. [`http::server`] accepts the connection if [`http::connections`] has a place for it. [`http::exchange`] passes each
//!    request to the router in [`app`], which holds the route table. [`state`] holds what handlers can ask for.
//! 2. [`http::access_log`] names the request and later writes its log line. [`http::readiness`] rejects the request until
//!    the database is prepared. [`http::detached`] runs the handler to completion even if the client leaves, so that no
//!    database call is dropped half-way. [`http::admission`] makes the request wait for a slot, in turn with the requests of
//!    other clients ([`http::fair_queue`]). [`auth::extract::identify`] verifies the token before, so that each user has a
//!    share.
//! 3. The handler in [`todos::handlers`] lists what it needs as arguments. The extractor of [`workspace`] authenticates
//!    the caller ([`auth::extract`]) and opens the caller's todos and lists. Other extractors read the id, the
//!    preconditions and the validated body ([`http`]).
//! 4. The operation in [`todos::operations`] reads the todo, applies the input ([`todos::model`]) and replaces the stored
//!    todo if nobody else changed it ([`owned::update`]). Every filter contains the owner's id ([`owned::collection`]).
//! 5. An [`error::Error`] describes what went wrong and knows nothing about HTTP. [`http::problem`] assigns the status.
//!    Each API surface renders the body: problem details (RFC 9457), or the texts of the original.
//!
//! # Where things are
//!
//! The code is grouped by feature: [`auth`], [`access_tokens`], [`users`], [`todos`], [`lists`], [`tags`], [`sync`],
//! [`idempotency`], [`audit`], [`admin`] (what admins do with users).
//! Inside a feature the file name is the layer: `model` (the object and its rules; pure), `store` (the collection; one
//! method is one round trip), `operations` (actions that several API surfaces share), `handlers` and `wire` (HTTP and
//! JSON), `docs` (the feature's part of the API document). [`original`], [`admin_pages`] and [`dav`] are API surfaces: handlers, and
//! wire types or templates (`templates/`).
//!
//! [`transfer`] exports and imports: files of this and other services.
//!
//! Features share [`crypto`], [`mongo`], [`owned`] (documents that belong to a user), [`http`] and [`workspace`] (the only
//! way to a user's todos and lists). Pages for browsers share [`web`]: the files in the folder `web/`, cookies, languages. [`web`] also serves the web
//! client, whose modules in `web/js/` import downwards: `model` (pure), `store` (sync with `/v1`), `views`. `build/` joins them.
//! [`icalendar`] reads and writes VTODOs for the surfaces that speak iCalendar.
//! [`app`], [`state`], [`startup`] and [`command_line`] put the service together. [`migrations`]
//! upgrade stored documents. [`operator`] holds what an operator runs or watches.
//!
//! # Rules
//!
//! `tests/architecture.rs` checks the rules that can be read off the source:
//!
//! - Imports point down the list of layers and form no circle. `auth` does not know users. A store does not know another
//!   store.
//! - Every query for a user's documents contains that user's id.
//! - Status codes appear only in [`http::problem`], in the renderer of each API surface and in success responses. Driver
//!   types appear only in stores, [`mongo`], [`owned`] and [`migrations`].
//! - No check before a write: uniqueness is a unique index; ownership, version and state are part of the write's filter.
//! - No client value becomes an operator: filters are built from typed values.
//! - No future that uses the database is dropped half-way.
//! - Time comes only from [`clock`]. Every queue is bounded. A failure is logged once. Secrets are never logged. Clients
//!   never see internal error text.
//!
//! # Sync and events
//!
//! Every write to a todo or list sets its change stamp to the logical time of the replica set. [`owned::change_stamp`]
//! explains why a reader that starts a minute below the newest stamp it has seen misses nothing. [`sync::changes`] reads
//! the stamps page by page. [`sync::hub`] reads one change stream for the whole process and passes each change to the event
//! streams of its owner. An event stream ([`sync::event_stream`]) first catches up from its token and then goes live.
//! Sync commands ([`sync::commands`]) call the same operations as the routes. [`sync::batch`] runs them and waits for a
//! majority once for many of them ([`mongo::deferred`]).
//!
//! # Starting and stopping
//!
//! The process binds its port first. [`startup`] then prepares the database and retries until this succeeds: it refuses a
//! standalone server, runs [`migrations`], creates indexes, loads the blacklist, completes interrupted deletions and
//! resumes interrupted side effects. Only then are requests admitted. A problem that waiting cannot solve ends the process with one line that says what to do.
//! [`auth::revocation::mirror`] keeps the blacklist in memory close to the collection that all instances share;
//! [`auth::revocation::blacklist`] explains the bound within which a revocation holds everywhere. At SIGTERM the service
//! stops accepting work, drains connections and waits for detached work.
//!
//! # Writes with an unknown outcome
//!
//! The driver retries a write once. After that the client gets a 503 and may repeat the request. Operations of several
//! writes are ordered so that the first write makes the rest safe to repeat: see
//! [`users::operations::Accounts::delete`], [`auth::revocation`] and [`todos::side_effects`]. A request with an
//! `Idempotency-Key` is answered like its first attempt and never creates an object twice: see [`idempotency::store`].
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | API surface | A set of routes with its own wire types and error bodies over the same operations: `/v1`, or the original's API. |
//! | owned document | A stored document with an owner, a version, a state and a change stamp. |
//! | workspace | The todos and lists of one user at one moment; the only way to reach them. |
//! | version | A counter in each owned document, starting at 1. It is the `ETag` and the guard of every replacement. |
//! | precondition | The versions for which a change is meant: `If-Match`, `If-None-Match`, `if_version`. |
//! | optimistic update | Read, decide, replace if the version is still the same; otherwise start over. |
//! | side effect | A consequence of a change for other todos, such as subtasks that follow into the trash. |
//! | pending effects | Side effects that are stored in the write that causes them and removed when they are done. |
//! | cascade | A side effect on many documents that a task writes after the response, and that queries show as done. |
//! | tombstone | What remains of a removed document so that sync can report the removal. |
//! | change stamp | The logical time of the last change; the order in which sync reads. |
//! | horizon | A logical time below which, minus the overlap, a reader sees every change. |
//! | order key | A text that sorts an object among its siblings; the `position` of a todo or list. |
//! | lineage | A random id that a restore gives the database, so that older sync tokens are rejected. |
//! | block | A state of a session in which its tokens are refused. It can be taken back, unlike a revocation. |
//! | tag key | The form of a tag that is the same for all spellings, and sorts as people do. Todos store it beside the tag. |
//! | epoch | A counter of a user. Raising it revokes all tokens of an earlier epoch. |
//! | generation | A counter of a session's refresh tokens, which detects the reuse of a replaced one. |
//! | violation | One broken rule of the input: pointer, code, detail. |
//!
//! # How to
//!
//! Work from top to bottom and run `scripts/test` at the end. The compiler or a test points at a step that you forget.
//! Only a reviewer finds a forgotten step that is marked with (review).
//!
//! **Add a field to todos**
//!
//! 1. Tests. `tests/api/v1_todos.rs`: the name in `MEMBERS`, the default, valid and invalid values.
//! 2. `todos/model.rs`: the field with `#[serde(default)]`, its value in `Todo::blank`, its line in `Todo::read`, and its
//!    rule as a constant. `todos/decode.rs` changes only for a type that no other field has.
//! 3. `todos/input.rs`: the field of `TodoInput`, and its two lines in `Todo::apply`.
//! 4. `todos/wire.rs`: the field of `TodoBody` and its line in the conversion from `Todo`. A field that clients set also
//!    needs a line in `WholeTodo` and `TodoPatch`, which read and check it. A field that only the service sets has a line in `READ_ONLY`
//!    and in `Todo::shown`, and no step 3. `TodoBody::schemas` describes the fields of request bodies (review; `scripts/contract` and
//!    `scripts/clients` test them). The comment of a field is its description in the API document.
//! 5. `todos/docs.rs`: the example.
//! 6. `operator/seed/model.rs`: demo values, null among them (review). Another call of the random generator changes all
//!    later values, so the names in `the_same_seed_and_day_give_the_same_data` change too.
//! 7. `docs/api.md`: the example and the list of fields that a client may set. `postman/`: a request of the v1 collection
//!    (review).
//!
//! Sync, events, backups and the original's routes need no change. Todos that were stored earlier do not have the field
//! and are read with its default. They need no migration unless a filter or a sort order uses a default that is not null.
//!
//! **Add a filter to `GET /v1/todos`**
//!
//! 1. Tests. `tests/api/v1_todo_queries.rs`: a row in `filters_combine` and in `every_filter_and_order_uses_an_index`.
//!    `tests/api/v1_todos.rs`: an invalid value.
//! 2. `todos/query.rs`: the field of `TodoQuery`, and its condition in `filter`. If few todos match it, the index in
//!    `TodoQuery::index`. `todos/page_state.rs`: whether its matches can change without a change of a todo.
//! 3. `todos/query_params.rs`: the format of the parameter, its lines in `take`, and its line in `documented`, which
//!    describes it in the API document (review).
//! 4. `todos/index.rs`: a new row, only if no index serves the filter. `explain` a query on 10,000 todos. To change a row,
//!    give it a new name and add the old name to `RETIRED`, because MongoDB does not change an index. If the index is
//!    partial, every filter that names it must imply its condition (review).
//! 5. `docs/api.md`: the table of filters (review).
//!
//! **Add a route**
//!
//! 1. The action in the feature's `operations.rs`. The type of a new body in `wire.rs`.
//! 2. A function in `handlers.rs`, in this order of arguments: who, with what, on which object, body last. At most 15
//!    lines. The type of the first argument says who: [`workspace::extract`] for todos and lists, with the scope of personal
//!    access tokens, and [`auth::extract`] for accounts, which accept no such token. A route that creates an object with an
//!    id from the service reads its body with [`idempotency::extract::Creation`] and calls
//!    [`idempotency::store::Idempotency::create`]. A route without a body that must not happen twice takes
//!    [`idempotency::extract::Repeatable`].
//! 3. [`app`]: a row of the route table.
//! 4. The feature's `docs.rs`: an operation with summary, parameters, responses, errors and example. Tests compare the
//!    routes with the document, validate the examples, and check the status, the body and the headers of every response.
//!    They derive the tests of tokens and of other users' objects from `needs` and the path.
//! 5. A test in `tests/api/`. If the path has an `{id}` and the body is not that of a todo, add the body to
//!    `tests/api/isolation.rs`. A row in `docs/api.md` and a request in `postman/` (review).
//!
//! **Add a resource that belongs to a user**
//!
//! 1. A folder with `mod model store operations wire handlers docs`, like [`lists`], and its `pub mod` here. Its model
//!    implements [`owned::Owned`], which brings versions, tombstones, change stamps and paging. Its operations implement
//!    [`owned::update::Context`]. An object in the trash has its own `deleted_at`, because the purge of todos removes
//!    nothing else.
//! 2. [`error::Resource`]: the variant and its sentence for clients.
//! 3. [`workspace::stores`]: the store; the compiler leads to indexes, deletion and purge. Its operations open the store
//!    with [`workspace::Workspace`]`::owned` and hold the limit on the number of objects.
//! 4. [`app`]: its routes. [`openapi::document`]: its tag and a row of the features.
//! 5. `sync/kinds.rs`: an implementation of `SyncedKind`, a row at the end of `KINDS`, and its index in `PAGE_ORDER`, after
//!    the kinds that it refers to. Backups and the API document follow.
//! 6. `todos/side_effects.rs`: if it depends on todos, what trashing, restoring and removing a todo or a list does to it,
//!    and its pending effects in the upkeep (review).
//! 7. `operator/seed/`: demo objects (review).
//! 8. Tests in `tests/api/`, with the kind in `isolation.rs`, `owned_stores.rs` and `backup.rs`. Requests in `postman/`.
//!    `docs/api.md`, and the table of collections in `docs/operating.md` (review).
//!
//! **Add a migration**
//!
//! 1. `migrations/mN_what_it_does.rs` with `run`. It can be repeated, interrupted, and run on two instances at once. Its
//!    filter excludes tombstones (`state` is `gone`). If clients can see the change, the same update raises `version` and
//!    sets `changed` to `$$CLUSTER_TIME`, so that preconditions and sync notice it (review).
//! 2. `migrations/mod.rs`: the `mod` line, a row of `MIGRATIONS` and its length, and the last number in the test. Number
//!    and name are stored and never change.
//! 3. A test in `tests/api/v1_todo_consistency.rs` that writes documents of the earlier form and runs the migration twice.
//!    A test with documents of the original belongs in `tests/api/import_original.rs` (review).
//!
//! During a release the old version still writes documents of the earlier form, even after the migration. So the new
//! version must read both forms. A migration in `REPEATED` of `migrations/mod.rs` runs again an hour after the release.
//!
//! **Add an error code**
//!
//! 1. [`error::Error`]: the variant. The compiler leads to steps 2 and 3.
//! 2. `http/error_code.rs`: a row with code, status, title and advice, and the arm in `ErrorCode::of`. Codes never change.
//! 3. [`http::problem`]: its detail. `original/wire.rs`: the text for the original's clients, or the list of errors that do
//!    not occur there.
//! 4. The `errors(…)` of each operation in the API document that can return it (review: tests check only the status).
//! 5. `tests/api/v1_problems.rs`: the list of codes. `docs/api.md`: the table of errors (review).
//!
//! **Add a configuration key**
//!
//! 1. [`config`]: a row of `SETTINGS` and its length, the field of `Config` with its parser, and its bounds in
//!    `Config::check`. `--help` lists `SETTINGS` and needs no change.
//! 2. [`state`]: pass it on to the code that needs it. Nothing else reads the environment.
//! 3. `tests/api/process.rs`: an invalid value. `docs/operating.md`: its row. `.env.example`: a commented line with the
//!    default (review).

pub mod access_tokens;
pub mod admin;
pub mod admin_pages;
pub mod app;
pub mod audit;
pub mod auth;
pub mod clock;
pub mod command_line;
pub mod config;
pub mod crypto;
pub mod dav;
pub mod error;
pub mod http;
pub mod icalendar;
pub mod idempotency;
pub mod lists;
pub mod migrations;
pub mod mongo;
pub mod openapi;
pub mod operator;
pub mod original;
pub mod owned;
pub mod startup;
pub mod state;
pub mod sync;
pub mod tags;
pub mod todos;
pub mod transfer;
pub mod users;
pub mod web;
pub mod workspace;
