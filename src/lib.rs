//! A todo service over MongoDB: users, their sessions, their todos. It answers the API of the Flask service that it
//! replaces, on the same database. This page is the way in for whoever changes the code; README.md and docs/
//! are for whoever runs or calls it.
//!
//! # The way of a request
//!
//! ```text
//! request → layers (id, log, gate, deadline) → extractors (who, with what) → handler → operation → store → MongoDB
//!                                                                                ↓         (model: the rules)
//!                                                             wire type  ←  model value  ←  ←  ←
//! ```
//!
//! Follow `PUT /todo/{todo_id}` once and you know the code:
//!
//! 1. [`http::server`] accepts the connection and hands the request to the router of [`app`], where the route table is. What handlers ask for is in [`state`].
//! 2. [`http::access_log`] names the request and will write its log line; [`http::readiness`] holds it back unless the database is
//!    prepared; [`http::detached`] sees it through, so that nothing is dropped half-way when the client leaves; [`http::admission`]
//!    lets it go on when it is its turn.
//! 3. The handler, in [`original`], lists what it needs: `FreshUser` ([`auth::extract`]) checks the token and asks the
//!    blacklist; `Body<TodoFields>` reads the fields with the help of [`http::body`].
//! 4. `planner.of(caller)` ([`workspace`]) is the only door to todos and lists. It reads the todo, makes of it what
//!    it is to become ([`todos::model`]), and swaps it in if nobody came between; every filter names the owner
//!    ([`owned::collection`]).
//! 5. What goes wrong is an [`error::Error`], which knows no HTTP. [`http::problem`] gives it a status, and the face of the
//!    service that was called gives it a body: problem details, or the original's words.
//!
//! # Where things are
//!
//! By feature: [`auth`] (tokens, sessions, blacklist, throttles), [`users`], [`todos`], [`lists`], [`tags`], [`sync`],
//! [`audit`]; inside a feature the file names are the layers: `model` (the thing and its rules, pure), `store` (its
//! collection, one round trip a method), `operations` (acts of several steps, used by every face), `handlers` and `wire`
//! (HTTP and JSON), `docs` (what the API document says of it). [`original`] is a face: handlers only. Around them:
//! [`config`], [`state`], [`mongo`], [`migrations`], [`startup`]; for operators [`operator::users`], [`operator::metrics`], [`operator::backup`], and [`operator::seed`],
//! which makes demo data.
//!
//! # What is deliberately absent
//!
//! `tests/architecture.rs` holds what can be read off the text:
//!
//! - No import points upwards, and none closes a circle. `auth` knows no users; a store knows no other store.
//! - No todo is reached without its owner.
//! - No status code outside [`http::problem`], the original's wire format, and answers of success; no driver type outside
//!   the stores, [`mongo`] and [`migrations`].
//! - No check before a write that the write itself could make: uniqueness is an index, ownership is in the filter.
//! - No client value becomes an operator: filters are built from typed values.
//! - No future that uses the database is dropped half-way.
//! - No time but the [`clock`]'s; no unbounded queue; no failure logged twice; no secret logged ever; no reason of a
//!   failure of ours told to a client.
//!
//! # Sync and events
//!
//! Every write to a todo or list stamps it with the logical time of the replica set. [`owned::change_stamp`] tells why a reader
//! that begins a minute below what it has seen misses nothing; [`sync::changes`] walks through the stamps page by page.
//! [`sync::hub`] reads one change stream and hands changes out to the streams of events, each of which
//! ([`sync::event_stream`]) first walks to where it is live. Commands ([`sync::commands`]) call what the routes call.
//!
//! # The API document
//!
//! Each feature's `docs` says what the types do not: summaries, parameters, which errors. [`openapi`] puts it together and
//! serves it. Every answer of every test is held against it (`tests/api/support/document.rs`).
//!
//! # Starting and stopping
//!
//! The port is bound first. [`startup`] then prepares the database, as often as it takes: it must be a replica set;
//! [`migrations`] bring old documents up to date; each store makes its indexes; the blacklist is loaded; deletions that
//! a crash cut off are ended. Only then does the gate open. What waiting cannot mend ends the process with one line.
//! From then on [`auth::revocation::mirror`] keeps the blacklist close behind the collection that all instances share; how old it may
//! be for a request to be answered from it, and why that bounds a revocation everywhere, is told in [`auth::revocation::blacklist`].
//! At SIGTERM the gate closes, connections drain, and detached work is waited for.
//!
//! # Writes whose outcome is unknown
//!
//! The driver repeats a write once. After that the client gets a 503 and may repeat the request: the head of each store
//! says what that does. Acts of several writes are ordered so that the first makes the rest safe to repeat; see
//! [`users::operations::Accounts::delete`], [`auth::revocation`] and [`todos::side_effects`]. A creation that comes with an `Idempotency-Key` answers a
//! repetition as it did at first, and never creates twice: see [`idempotency::store`].

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
