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
//! 1. [`http::server`] accepts the connection and passes the request to the router in [`app`], which holds the route table.
//!    [`state`] holds what handlers can ask for.
//! 2. [`http::access_log`] names the request and later writes its log line. [`http::readiness`] rejects the request until
//!    the database is prepared. [`http::detached`] runs the handler to completion even if the client leaves, so that no
//!    database call is dropped half-way. [`http::admission`] makes the request wait for a slot.
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
//! The code is grouped by feature: [`auth`], [`users`], [`todos`], [`lists`], [`tags`], [`sync`], [`idempotency`], [`audit`].
//! Inside a feature the file name is the layer: `model` (the object and its rules; pure), `store` (the collection; one
//! method is one round trip), `operations` (actions that several API surfaces share), `handlers` and `wire` (HTTP and
//! JSON), `docs` (the feature's part of the API document). [`original`] is an API surface: handlers and wire types only.
//!
//! Features share [`crypto`], [`mongo`], [`owned`] (documents that belong to a user), [`http`] and [`workspace`] (the only
//! way to a user's todos and lists). [`app`], [`state`], [`startup`] and `main` put the service together. [`migrations`]
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
//! Sync commands ([`sync::commands`]) call the same operations as the routes.
//!
//! # Starting and stopping
//!
//! The process binds its port first. [`startup`] then prepares the database and retries until this succeeds: it refuses a
//! standalone server, runs [`migrations`], creates indexes, loads the blacklist and completes interrupted deletions. Only
//! then are requests admitted. A problem that waiting cannot solve ends the process with one line that says what to do.
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
//! | tombstone | What remains of a removed document so that sync can report the removal. |
//! | change stamp | The logical time of the last change; the order in which sync reads. |
//! | horizon | A logical time below which, minus the overlap, a reader sees every change. |
//! | order key | A text that sorts an object among its siblings; the `position` of a todo or list. |
//! | lineage | A random id that a restore gives the database, so that older sync tokens are rejected. |
//! | epoch | A counter of a user. Raising it revokes all tokens of an earlier epoch. |
//! | generation | A counter of a session's refresh tokens, which detects the reuse of a replaced one. |
//! | violation | One broken rule of the input: pointer, code, detail. |
//!
//! # How to
//!
//! Each list is complete: the compiler or a test points at a step that you forget. Run `scripts/test` at the end.
//!
//! **Add a field to todos**
//!
//! 1. `todos/model.rs`: the field with `#[serde(default)]`, and its value in `Todo::blank`.
//! 2. `todos/decode.rs`: read it (the struct literal at the end does not compile without it).
//! 3. `todos/input.rs`: the field of `TodoInput`, its line in `completion` and in `apply`.
//! 4. `todos/wire.rs`: the field of `TodoBody`, its conversion, its reader, its rule as a named constant.
//! 5. `todos/docs.rs`: the rule of the request body, and the example.
//! 6. `operator/seed/model.rs`: demo values.
//! 7. `tests/api/v1_todos.rs`: default, valid and invalid values. `docs/api.md` and the v1 collection in `postman/`:
//!    mention it. Sync, events and backups need no change.
//!
//! **Add a filter to `GET /v1/todos`**
//!
//! 1. `todos/query_params.rs`: parse the parameter into a field of `TodoQuery`.
//! 2. `todos/query.rs`: the field, its condition in `filter`, and the index to use.
//! 3. `todos/index.rs`: if no index serves it, a row or a trailing field. `explain` a query on 10,000 todos.
//! 4. `todos/docs.rs`: the parameter. `tests/api/v1_todo_queries.rs`: a test. `docs/api.md`: the table of filters.
//!
//! **Add a route**
//!
//! 1. A function in the feature's `handlers.rs`, in this order of arguments: who, with what, on which object, body last.
//!    At most 15 lines.
//! 2. [`app`]: a row of the route table. Routes that hash passwords go to the router without slots.
//! 3. The feature's `docs.rs`: an operation with summary, parameters, responses, errors and example. Tests send the
//!    example, check every response against the document, and derive the tests of authorization from `needs`.
//! 4. A test in `tests/api/`, a request in `postman/`, a row in `docs/api.md`.
//!
//! **Add a resource that belongs to a user**
//!
//! 1. A folder with `mod model store operations wire handlers docs`, like [`lists`]. Its model implements
//!    [`owned::Owned`], which brings versions, the trash, tombstones, change stamps, paging and upkeep.
//! 2. [`error::Resource`], and the texts that the compiler then asks for ([`http::problem`], `original/wire.rs`).
//! 3. [`workspace`]: the store. [`state`]: create the store and its indexes.
//! 4. [`app`]: its routes. [`openapi::document`]: its tag, operations and schemas.
//! 5. `sync/kinds.rs`: an implementation of `SyncedKind` and a row of `KINDS`.
//! 6. `users/account_changes.rs`: delete the user's documents. `operator/backup/store.rs`: a row of the stamped
//!    collections. `operator/seed/`: demo objects.
//! 7. If it depends on todos or lists: `todos/side_effects.rs`.
//!
//! **Add a migration**
//!
//! 1. `migrations/mN_what_it_does.rs` with `run`. It can be repeated, interrupted, and run on two instances at once.
//! 2. A row of `MIGRATIONS` in `migrations/mod.rs`. Number and name are stored and never change.
//! 3. A test in `tests/api/take_over.rs` that runs it on documents of the form before, twice.
//!
//! **Add an error code**
//!
//! 1. `http/error_code.rs`: a row with code, status and title. Codes never change.
//! 2. [`error::Error`]: the variant. The compiler leads to its code, its detail and the text for the original's clients.
//! 3. The `refuses(…)` of each operation in the API document that can return it. `docs/api.md`: the table of errors.
//!
//! **Add a configuration key**
//!
//! 1. [`config`]: a row of `SETTINGS` with the default, the field of `Config`, its parser and its bounds.
//! 2. `main.rs`: its line in `--help`. `docs/operating.md`: its row. `.env.example`: if most operators set it.
//! 3. [`state`]: pass it on. Nothing else reads the environment.

pub mod app;
pub mod audit;
pub mod auth;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error;
pub mod http;
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
pub mod users;
pub mod workspace;
