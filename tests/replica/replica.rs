//! A client's copy of its user's objects, built only from sync responses and events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::findings::Findings;

/// The type and the id of an object.
pub(crate) type Key = (&'static str, String);

/// Objects in their JSON form.
pub(crate) type Objects = BTreeMap<Key, Value>;

/// The fields of a response that hold objects, with the type of the objects.
const MEMBERS: [(&str, &str); 2] = [("todos", "todo"), ("lists", "list")];

#[derive(Default)]
pub(crate) struct Replica {
    pub(crate) objects: Objects,
    /// The highest version of each object so far.
    seen: BTreeMap<Key, i64>,
    pub(crate) came: usize,
    pub(crate) came_twice: usize,
    pub(crate) came_lower: Vec<String>,
}

impl Replica {
    /// Applies a sync response or the data of an event, and returns the number of changes.
    pub(crate) fn apply(&mut self, changes: &Value, findings: &Findings) -> usize {
        let mut count = 0;
        for (member, kind) in MEMBERS {
            for object in changes[member].as_array().expect("an array") {
                self.take(kind, object, findings);
                count += 1;
            }
        }
        for removed in changes["removed"].as_array().expect("an array") {
            self.objects.remove(&removed_key(removed));
            count += 1;
        }
        count
    }

    fn take(&mut self, kind: &'static str, object: &Value, findings: &Findings) {
        let (key, version) = (key_of(kind, object), version_of(object));
        self.came += 1;
        let highest = self.seen.entry(key.clone()).or_default();
        if version < *highest {
            self.came_lower.push(format!("{key:?}: {version} after {highest}"));
        }
        *highest = version.max(*highest);
        if let Some(held) = self.objects.get(&key) {
            if version < version_of(held) {
                return;
            }
            if version == version_of(held) {
                self.came_twice += 1;
                findings.check(held == object, || {
                    format!("two different objects have version {version}: {held} {object}")
                });
            }
        }
        self.objects.insert(key, object.clone());
    }

    /// The objects that are missing, stale, wrong or superfluous, compared with the server.
    pub(crate) fn differences(&self, server: &Objects) -> Vec<String> {
        let keys: BTreeSet<&Key> = self.objects.keys().chain(server.keys()).collect();
        let different = keys.into_iter().filter(|key| self.objects.get(*key) != server.get(*key));
        different
            .map(|key| {
                let version = |object: Option<&Value>| object.map(version_of);
                let (held, wanted) = (self.objects.get(key), server.get(key));
                let what = match (version(held), version(wanted)) {
                    (None, _) => "missing",
                    (_, None) => "removed on the server",
                    (here, there) if here < there => "stale",
                    (here, there) if here > there => "newer than on the server",
                    _ => "wrong",
                };
                let (here, there) = (version(held), version(wanted));
                format!("{key:?} {what}: has {here:?}, server {there:?}: {held:?} {wanted:?}")
            })
            .collect()
    }
}

pub(crate) fn key_of(kind: &'static str, object: &Value) -> Key {
    (kind, object["id"].as_str().expect("an id").to_owned())
}

pub(crate) fn version_of(object: &Value) -> i64 {
    object["version"].as_i64().expect("a version")
}

fn removed_key(removed: &Value) -> Key {
    let kind = MEMBERS.into_iter().find(|(_, kind)| removed["type"] == *kind);
    key_of(kind.expect("a type").1, removed)
}
