//! Takes over a database that the original service wrote: passwords in plain text become hashes, owners given as text
//! become ids, missing fields are filled. Must lose nothing, and change nothing before duplicate names are ruled out.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use secrecy::SecretString;

use crate::error::{Error, OperatorError};
use crate::mongo::{Db, PrepareError};
use crate::users::model::username_key;
use crate::users::password::Hasher;

/// Each document is changed by one update that applies only while it is still as the original left it, so that runs
/// may be cut off, repeated, and go on side by side.
pub(super) async fn run(db: &Db, hasher: &Hasher) -> Result<(), PrepareError> {
    let users = db.collection::<Document>("users");
    refuse_duplicates(&users).await?;
    take_over_users(&users, hasher).await?;
    let todos = db.collection::<Document>("todos");
    take_over_todos(&todos).await
}

/// Names that were registered twice, which the original let happen, or that differ only in case.
async fn refuse_duplicates(users: &Collection<Document>) -> Result<(), PrepareError> {
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    let mut names = users.find(doc! {}).projection(doc! { "username": 1 }).await?;
    while let Some(user) = names.try_next().await? {
        if let Some(name) = user.get("username").and_then(text) {
            let id = user.get("_id").map(Bson::to_string).unwrap_or_default();
            seen.entry(username_key(&name)).or_default().push(format!("{name:?} ({id})"));
        }
    }
    let mut doubled: Vec<String> =
        seen.into_values().filter(|users| users.len() > 1).map(|users| users.join(" and ")).collect();
    if doubled.is_empty() {
        return Ok(());
    }
    doubled.sort();
    let (count, shown) = (doubled.len(), doubled.iter().take(10).cloned().collect::<Vec<_>>().join("; "));
    Err(PrepareError::Refused(OperatorError(format!(
        "the collection `users` has {count} username(s) more than once, where case does not count: {shown}. Nothing was \
         changed. Rename or remove all but one of each, for example with \
         db.users.updateOne({{_id: ...}}, {{$set: {{username: \"...\"}}}}), and start again"
    ))))
}

async fn take_over_users(users: &Collection<Document>, hasher: &Hasher) -> Result<(), PrepareError> {
    let left =
        doc! { "$or": [{ "password": { "$exists": true } }, { "username_key": { "$exists": false } }] };
    let count = users.count_documents(left.clone()).await?;
    if count > 0 {
        tracing::info!(users = count, "hashing the original's passwords");
    }
    // As many at once as are hashed at once, so that no other hashing has to wait long.
    let found = users.find(left).await?;
    found
        .map_err(PrepareError::from)
        .try_for_each_concurrent(
            std::thread::available_parallelism().map_or(1, usize::from),
            |user| async move {
                let Some(id) = user.get("_id") else { return Ok(()) };
                let change = user_change(&user, hasher).await?;
                users.update_one(unchanged(id, &user, ["password"]), change).await?;
                Ok(())
            },
        )
        .await
}

/// The update that makes one of our users of the original's.
async fn user_change(user: &Document, hasher: &Hasher) -> Result<Document, PrepareError> {
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
        set.insert("created_at", born(user));
    }
    if let Some(password) = user.get("password").and_then(text) {
        let hash = hasher.hash(&SecretString::from(password)).await.map_err(|error| match error {
            Error::Unavailable(why) => PrepareError::Unavailable(why.to_string()),
            error => PrepareError::Refused(OperatorError(format!(
                "a password of the original cannot be hashed: {error}"
            ))),
        })?;
        set.insert("password_hash", hash);
    } else if !user.contains_key("password_hash") {
        // No password was ever right for this user, and none is.
        set.insert("password_hash", "");
    }
    Ok(doc! { "$set": set, "$unset": { "password": "" } })
}

async fn take_over_todos(todos: &Collection<Document>) -> Result<(), PrepareError> {
    let owners = doc! { "owner_id": { "$type": "string", "$regex": "^[0-9a-fA-F]{24}$" } };
    todos.update_many(owners, vec![doc! { "$set": { "owner_id": { "$toObjectId": "$owner_id" } } }]).await?;

    let odd = doc! { "$or": [
        { "name": { "$not": { "$type": "string" } } }, { "description": { "$not": { "$type": "string" } } },
        { "version": { "$exists": false } }, { "created_at": { "$exists": false } }, { "updated_at": { "$exists": false } },
    ] };
    let found = todos.find(odd).await?;
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
                ("created_at", born(&todo).into()),
                ("updated_at", born(&todo).into()),
            ] {
                if !todo.contains_key(field) {
                    set.insert(field, value);
                }
            }
            let left = unchanged(id, &todo, set.keys().map(String::as_str));
            todos.update_one(left, doc! { "$set": set }).await?;
            Ok(())
        })
        .await
}

/// The filter for a document whose `fields` are still as they were read; a missing one is null to MongoDB.
fn unchanged<'a>(id: &Bson, read: &Document, fields: impl IntoIterator<Item = &'a str>) -> Document {
    let mut filter = doc! { "_id": id };
    for field in fields {
        filter.insert(field, doc! { "$eq": read.get(field).cloned().unwrap_or(Bson::Null) });
    }
    filter
}

/// When a document was made: its id says.
fn born(document: &Document) -> DateTime {
    document.get_object_id("_id").map_or(DateTime::from_millis(0), |id: ObjectId| id.timestamp())
}

/// A value as text, whatever it is; nothing for nothing.
fn text(value: &Bson) -> Option<String> {
    match value {
        Bson::Null => None,
        Bson::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
