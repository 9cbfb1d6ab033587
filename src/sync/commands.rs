//! Commands: what a client did while it was offline.
//!
//! The first result of a command id is stored. If the service fails before it has stored the result, the client repeats
//! the command. The repetition uses the same id for what it creates, so a todo is created once and a recurring todo is
//! completed once. Every other command leaves the object unchanged when it is applied again.

use bson::oid::ObjectId;
use serde::de::IgnoredAny;

use super::edit::{Applied, Edit, Op};
use super::kind::Kind;
use super::kinds::KINDS;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::idempotency_key::{KEY_MAX_CHARS, is_key};
use crate::idempotency::store::Attempt;
use crate::owned::Precondition;
use crate::workspace::Workspace;

/// A command of a request. Only a violation in its id rejects the request; others are the command's result.
pub struct Command {
    pub attempt: Attempt,
    pub action: Result<Action, Vec<Violation>>,
}

pub struct Action {
    target: ObjectId,
    precondition: Precondition,
    edit: Box<dyn Edit>,
}

impl FromFields for Command {
    fn take(input: &mut Fields) -> Option<Self> {
        let id = input.text("id").and_then(|id| {
            let detail = || format!("`id` must be 1 to {KEY_MAX_CHARS} printable ASCII characters.");
            input.check(is_key(&id).then_some(id), || Violation::of("id", "malformed", detail()))
        });
        let rest = input.rest();
        let attempt = Attempt { key: id?, request: rest.canonical() };
        Some(Self { attempt, action: Fields::read(rest) })
    }
}

impl FromFields for Action {
    fn take(input: &mut Fields) -> Option<Self> {
        let kind = one_of(input, "type", Kind::by_name, KINDS.iter().map(|kind| kind.name));
        let target = input.required_id("target");
        let wrong_version = "`if_version` must be a whole number from 1.";
        let version = input.optional::<i64>("if_version", "not_a_version", wrong_version).flatten();
        let op = one_of(input, "op", Op::parse, Op::ALL.into_iter().map(Op::name));
        let edit = op.zip(kind).and_then(|(op, kind)| kind.read_edit(input, op));
        if edit.is_none() {
            // Which fields the body may have depends on `type` and `op`, so an unusable command's body is not checked.
            input.optional::<IgnoredAny>("body", "", "");
        }
        let precondition = version.map_or(Precondition::Any, |version| Precondition::Versions(vec![version]));
        Some(Self { target: target?, precondition, edit: edit? })
    }
}

fn one_of<T>(
    input: &mut Fields,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    values: impl Iterator<Item = &'static str>,
) -> Option<T> {
    let word = input.text(name)?;
    input.check(parse(&word), || {
        let values = values.collect::<Vec<_>>().join(", ");
        Violation::of(name, "unknown_value", format!("`{name}` must be one of: {values}."))
    })
}

impl Action {
    pub fn target(&self) -> ObjectId {
        self.target
    }

    /// Fails with the errors of the route that does the same.
    pub async fn apply(self, workspace: &Workspace) -> Result<Applied, Error> {
        self.edit.apply(workspace, self.target, &self.precondition).await
    }
}
