//! Migrates a database of the original service: plain-text passwords become hashes, textual owner ids become object
//! ids, and missing fields get their defaults.
//!
//! **Invariant:** no data is lost, and nothing changes if two users have the same name.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use secrecy::SecretString;

use crate::error::{Error, OperatorError};
use crate::http::admission::Requester;
use crate::mongo::{Db, PrepareError};
use crate::users::model::username_key;
use crate::users::password::Hasher;

/// Every document is changed by one update with a filter that matches only the unmigrated document. Therefore a run may
/// be interrupted and repeated, and several runs may overlap.
pub(super) async fn run(db: &Db, hasher: &Hasher) -> Result<(), PrepareError> {
    let users = db.collection::<Document>("users");
    refuse_duplicates(&users).await?;
    migrate_users(&users, hasher).await?;
    let todos = db.collection::<Document>("todos");
    migrate_todos(&todos).await
}

async fn refuse_duplicates(users: &Collection<Document>) -> Result<(), PrepareError> {
    // The original had no unique index, so concurrent registrations could store a name twice. It also distinguished
    // names by case, which this service does not.
    let mut users_by_key: HashMap<String, Vec<String>> = HashMap::new();
    let mut names = users.find(doc! {}).projection(doc! { "username": 1 }).await?;
    while let Some(user) = names.try_next().await? {
        if let Some(name) = user.get("username").and_then(text) {
            let id = user.get("_id").map(Bson::to_string).unwrap_or_default();
            users_by_key.entry(username_key(&name)).or_default().push(format!("{name:?} ({id})"));
        }
    }
    let mut duplicates: Vec<String> =
        users_by_key.into_values().filter(|users| users.len() > 1).map(|users| users.join(" and ")).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    duplicates.sort();
    let (count, shown) =
        (duplicates.len(), duplicates.iter().take(10).cloned().collect::<Vec<_>>().join("; "));
    Err(PrepareError::Refused(OperatorError(format!(
        "the collection `users` contains {count} duplicate username(s), ignoring case: {shown}. Nothing was changed. \
         Rename or remove all but one user of each name, for example with \
         db.users.updateOne({{_id: ...}}, {{$set: {{username: \"...\"}}}}), and start again"
    ))))
}

async fn migrate_users(users: &Collection<Document>, hasher: &Hasher) -> Result<(), PrepareError> {
    let unmigrated =
        doc! { "$or": [{ "password": { "$exists": true } }, { "username_key": { "$exists": false } }] };
    let count = users.count_documents(unmigrated.clone()).await?;
    if count > 0 {
        tracing::info!(users = count, "hashing plain-text passwords");
    }
    let found = users.find(unmigrated).await?;
    found
        .map_err(PrepareError::from)
        .try_for_each_concurrent(
            // The hasher runs one job per core. More users at a time would only delay logins on this instance.
            std::thread::available_parallelism().map_or(1, usize::from),
            |user| async move {
                let Some(id) = user.get("_id") else { return Ok(()) };
                let update = user_update(&user, hasher).await?;
                users.update_one(if_unchanged(id, &user, ["password"]), update).await?;
                Ok(())
            },
        )
        .await
}

async fn user_update(user: &Document, hasher: &Hasher) -> Result<Document, PrepareError> {
    let id = user.get("_id").map(Bson::to_string).unwrap_or_default();
    let username = user.get("username").and_then(text).unwrap_or_else(|| format!("unnamed {id}"));
    let mut set = doc! { "username_key": username_key(&username), "username": username };
    for (field, value) in
        [("roles", Bson::from(vec!["user"])), ("epoch", 0_i64.into()), ("version", 1_i64.into())]
    {
        if !user.contains_key(field) {
            set.insert(field, value);
        }
    }
    if !user.contains_key("created_at") {
        set.insert("created_at", created_at(user));
    }
    if let Some(password) = user.get("password").and_then(text) {
        let hash =
            hasher.hash(&Requester::OPERATOR, &SecretString::from(password)).await.map_err(|error| {
                match error {
                    Error::Unavailable(why) => PrepareError::Unavailable(why.to_string()),
                    error => PrepareError::Refused(OperatorError(format!(
                        "the password of user {id} cannot be hashed: {error}"
                    ))),
                }
            })?;
        set.insert("password_hash", hash);
    } else if !user.contains_key("password_hash") {
        // The original let nobody log in as a user without a password. No password matches an empty hash.
        set.insert("password_hash", "");
    }
    Ok(doc! { "$set": set, "$unset": { "password": "" } })
}

async fn migrate_todos(todos: &Collection<Document>) -> Result<(), PrepareError> {
    let owners = doc! { "owner_id": { "$type": "string", "$regex": "^[0-9a-fA-F]{24}$" } };
    todos.update_many(owners, vec![doc! { "$set": { "owner_id": { "$toObjectId": "$owner_id" } } }]).await?;

    let incomplete = doc! { "$or": [
        { "name": { "$not": { "$type": "string" } } }, { "description": { "$not": { "$type": "string" } } },
        { "version": { "$exists": false } }, { "created_at": { "$exists": false } }, { "updated_at": { "$exists": false } },
    ] };
    let found = todos.find(incomplete).await?;
    found
        .map_err(PrepareError::from)
        .try_for_each_concurrent(16, |todo| async move {
            let Some(id) = todo.get("_id") else { return Ok(()) };
            let mut set = Document::new();
            for field in ["name", "description"] {
                if !matches!(todo.get(field), Some(Bson::String(_))) {
                    set.insert(field, todo.get(field).and_then(text).unwrap_or_default());
                }
            }
            for (field, value) in [
                ("version", Bson::Int64(1)),
                ("created_at", created_at(&todo).into()),
                ("updated_at", created_at(&todo).into()),
            ] {
                if !todo.contains_key(field) {
                    set.insert(field, value);
                }
            }
            let filter = if_unchanged(id, &todo, set.keys().map(String::as_str));
            todos.update_one(filter, doc! { "$set": set }).await?;
            Ok(())
        })
        .await
}

/// Matches the document only if no other run has changed `fields` since it was read.
fn if_unchanged<'a>(id: &Bson, read: &Document, fields: impl IntoIterator<Item = &'a str>) -> Document {
    let mut filter = doc! { "_id": id };
    for field in fields {
        // `$eq: null` also matches a missing field.
        filter.insert(field, doc! { "$eq": read.get(field).cloned().unwrap_or(Bson::Null) });
    }
    filter
}

fn created_at(document: &Document) -> DateTime {
    // The original stored no times. An object id contains the time of its creation.
    document.get_object_id("_id").map_or(DateTime::from_millis(0), |id: ObjectId| id.timestamp())
}

fn text(value: &Bson) -> Option<String> {
    match value {
        Bson::Null => None,
        Bson::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
