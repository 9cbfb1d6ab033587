//! Tests of the service as clients and operators see it. Each file covers an area, and each test name is a sentence.
//! All tests run against a real MongoDB replica set, which `MONGODB_URI` names. Run them with `scripts/test`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an unexpected value fails the test")]

mod support;

mod access_tokens;
mod admin_pages;
mod assets;
mod authorization_header;
mod backup;
mod cascades;
mod connections;
mod dav;
mod dav_clients;
mod dav_content;
mod dav_passwords;
mod dav_sync;
mod fairness;
mod forged_tokens;
mod idempotency;
mod import_original;
mod isolation;
mod login_time;
mod malformed_tokens;
mod operator;
mod original_accounts;
mod original_bodies;
mod original_routes;
mod original_todos;
mod original_tokens;
mod original_users;
mod outage;
mod owned_stores;
mod page_sizes;
mod process;
mod protocol;
mod refused_bodies;
mod seed;
mod session_model;
mod slow_clients;
mod taken_ids;
mod throttles;
mod todo_model;
mod v1_account_versions;
mod v1_accounts;
mod v1_admin_sessions;
mod v1_admin_users;
mod v1_events;
mod v1_history;
mod v1_names;
mod v1_openapi;
mod v1_polling;
mod v1_problems;
mod v1_recurrence;
mod v1_registration_rules;
mod v1_session_list;
mod v1_sessions;
mod v1_sync;
mod v1_tags;
mod v1_todo_consistency;
mod v1_todo_queries;
mod v1_todos;
mod v1_tokens;
mod v1_transfer;
mod v1_transfer_calendars;
mod web_client;
