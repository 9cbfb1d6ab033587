//! The export of this service: `{"format":"todo-api/export","version":1,...}`.
//!
//! Lists and todos are read one by one, so that a file does not exist twice in memory.

use std::fmt;
use std::io;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::own_fields::{ListFields, TodoFields, UserFields};
use super::{Refusal, texts};
use crate::error::{Violation, Violations};
use crate::http::fields::{Fields, pointer_token};
use crate::http::json_object::JsonObject;
use crate::transfer::plan::{Origin, Plan};

pub const FORMAT: &str = "todo-api/export";
pub const VERSION: u64 = 1;

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    read_json(serde_json::Deserializer::from_slice(file), origin)
}

/// Like [`read`], without the whole file in memory.
pub fn read_stream(file: &mut dyn io::Read, origin: Origin) -> Result<Plan, Refusal> {
    read_json(serde_json::Deserializer::from_reader(file), origin)
}

fn read_json<'de, R: serde_json::de::Read<'de>>(
    mut json: serde_json::Deserializer<R>,
    origin: Origin,
) -> Result<Plan, Refusal> {
    let mut reader =
        Reader { origin, plan: Plan::default(), violations: Violations::default(), has_format: false };
    let done = json.deserialize_map(&mut reader).and_then(|()| json.end());
    let Reader { plan, mut violations, has_format, .. } = reader;
    if violations.all().is_empty() {
        done.map_err(Refusal::json)?;
        if !has_format {
            violations.push(Violation::of("format", "required", format!("Must be `{FORMAT}`.")));
        }
    }
    if violations.all().is_empty() { Ok(plan) } else { Err(violations.into_vec().into()) }
}

struct Reader {
    origin: Origin,
    plan: Plan,
    violations: Violations,
    has_format: bool,
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(de::Error::custom(format_args!("the field `{name}` occurs twice")));
            }
            match &*name {
                "format" => {
                    self.has_format = true;
                    let is_known = map.next_value::<Box<RawValue>>()?.get() == format!("\"{FORMAT}\"");
                    self.require(is_known, "format", "unknown_value", &format!("Must be `{FORMAT}`."));
                }
                "version" => {
                    let is_known = map.next_value::<Box<RawValue>>()?.get() == VERSION.to_string();
                    let detail = format!("Must be {VERSION}. A newer release may have written this file.");
                    self.require(is_known, "version", "unknown_value", &detail);
                }
                "exported_at" => drop(map.next_value::<IgnoredAny>()?),
                "user" => self.settings(map.next_value()?),
                "lists" => {
                    map.next_value_seed(Each { reader: &mut *self, name: "lists", take: Reader::list })?;
                }
                "todos" => {
                    map.next_value_seed(Each { reader: &mut *self, name: "todos", take: Reader::todo })?;
                }
                unknown => {
                    map.next_value::<IgnoredAny>()?;
                    let token = pointer_token(unknown);
                    self.violations.push(Violation::of(&token, "unknown_member", "This field is unknown."));
                }
            }
            seen.push(name);
            if self.violations.is_full() || seen.len() > 100 {
                return Err(de::Error::custom("too many violations"));
            }
        }
        Ok(())
    }
}

impl Reader {
    fn require(&mut self, holds: bool, field: &str, code: &'static str, detail: &str) {
        if !holds {
            self.violations.push(Violation::of(field, code, detail));
        }
    }

    fn settings(&mut self, user: JsonObject) {
        match Fields::read::<UserFields>(user) {
            Ok(UserFields(settings)) => self.plan.settings = settings,
            Err(violations) => self.violations.extend(violations.into_iter().map(|one| one.inside("user"))),
        }
    }

    fn list(&mut self, line: usize, fields: JsonObject) -> Result<(), Vec<Violation>> {
        let ListFields(mut list) = Fields::read(fields)?;
        list.owner_id = self.origin.owner_id;
        let (name, whole) = texts::name(&list.name, line, &mut self.plan.warnings);
        list.name = name;
        if list.description.is_empty() {
            list.description = whole.unwrap_or_default();
        }
        list.description = texts::description(list.description, line, &mut self.plan.warnings);
        list.created_at = self.origin.past(list.created_at);
        list.updated_at = self.origin.past(list.updated_at);
        list.deleted_at = list.deleted_at.map(|time| self.origin.past(time));
        self.plan.add_list(line, list).map_err(|violation| vec![violation])
    }

    fn todo(&mut self, line: usize, fields: JsonObject) -> Result<(), Vec<Violation>> {
        let TodoFields { mut todo, recurrence, tags } = Fields::read(fields)?;
        let warnings = &mut self.plan.warnings;
        todo.owner_id = self.origin.owner_id;
        todo.tags = texts::tags(tags.iter().map(String::as_str), line, warnings);
        let (name, description) = (std::mem::take(&mut todo.name), std::mem::take(&mut todo.description));
        texts::set(&mut todo, &name, &description, line, warnings);
        if let Some(saved) = recurrence {
            let required =
                || vec![Violation::of("recurrence", "required", "A recurring todo must have a due date.")];
            todo.due.as_ref().ok_or_else(required)?;
            todo.recurrence = Some(saved.resume()?);
        }
        todo.created_at = self.origin.past(todo.created_at);
        todo.updated_at = self.origin.past(todo.updated_at);
        todo.completed_at = todo.completed_at.map(|time| self.origin.past(time));
        todo.deleted_at = todo.deleted_at.map(|time| self.origin.past(time));
        self.plan.add_todo(line, todo).map_err(|violation| vec![violation])
    }
}

type Take = fn(&mut Reader, usize, JsonObject) -> Result<(), Vec<Violation>>;

/// Reads an array of objects, one at a time.
struct Each<'a> {
    reader: &'a mut Reader,
    name: &'static str,
    take: Take,
}

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { reader, name, take } = self;
        let mut number = 0;
        while let Some(object) = seq.next_element::<JsonObject>()? {
            if let Err(violations) = take(reader, number + 1, object) {
                let is_whole = violations.iter().any(|violation| violation.pointer.is_empty());
                let inside =
                    |one: Violation| if is_whole { one } else { one.inside(&format!("{name}/{number}")) };
                reader.violations.extend(violations.into_iter().map(inside));
                if is_whole || reader.violations.is_full() {
                    return Err(de::Error::custom("refused"));
                }
            }
            number += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bson::DateTime;
    use bson::oid::ObjectId;

    use super::*;
    use crate::clock::time_zone::Zone;

    fn origin() -> Origin {
        let now = DateTime::from_millis(1_764_576_000_123);
        Origin { owner_id: ObjectId::from_bytes([7; 12]), now, zone: Zone::UTC }
    }

    fn faults(json: &str) -> Vec<(String, &'static str)> {
        match read(json.as_bytes(), origin()) {
            Err(Refusal::Invalid(violations)) => {
                violations.into_iter().map(|one| (one.pointer, one.code)).collect()
            }
            Err(Refusal::Json(reason)) => vec![(reason, "json")],
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn faults_are_named_by_pointer() {
        let id = "0123456789abcdef01234567";
        for (json, pointer, code) in [
            (r#"{"todos":[]}"#.to_owned(), "/format", "required"),
            (r#"{"format":"x"}"#.to_owned(), "/format", "unknown_value"),
            (r#"{"format":"todo-api/export","version":2}"#.to_owned(), "/version", "unknown_value"),
            (format!(r#"{{"format":"{FORMAT}","todos":[{{"id":"{id}"}}]}}"#), "/todos/0/name", "required"),
            (
                format!(
                    r#"{{"format":"{FORMAT}","todos":[{{"id":"{id}","name":"a","due":{{"date":"x"}}}}]}}"#
                ),
                "/todos/0/due/date",
                "not_a_date",
            ),
            (
                format!(r#"{{"format":"{FORMAT}","lists":[{{"id":"{id}","name":"a","x":1}}]}}"#),
                "/lists/0/x",
                "unknown_member",
            ),
        ] {
            assert_eq!(faults(&json).first(), Some(&(pointer.to_owned(), code)), "{json}");
        }
        for broken in ["", "[]", r#"{"format":"todo-api/export","todos":[{"#, r#"{"lists":1}"#] {
            assert_eq!(faults(broken)[0].1, "json", "{broken}");
        }
    }

    #[test]
    fn a_file_of_a_million_todos_is_refused_early() {
        let todo = r#"{"id":"0123456789abcdef01234567","name":"a"}"#;
        let many = format!(
            r#"{{"format":"{FORMAT}","todos":[{}]}}"#,
            [todo; 100].join(",").repeat(600).replace("}{", "},{")
        );
        assert_eq!(faults(&many), [(String::new(), "too_many")]);
    }
}
