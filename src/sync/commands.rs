//! What clients did while they were offline, done now. Must hold no rule: each command calls what its route calls.
//!
//! Repeating: the first result of a command id is kept. If the answer was lost before that, the command is done again
//! under the same id for what it makes, so that a todo is made once and a recurring one completed once; what else a
//! repetition does leaves everything as it is.

use bson::oid::ObjectId;
use serde::de::IgnoredAny;

use super::model::Kind;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::idempotency::extract::{KEY_MAX_CHARS, is_key};
use crate::idempotency::store::Attempt;
use crate::lists::model::ListInput;
use crate::lists::wire::{ListPatch, WholeList};
use crate::owned::Precondition;
use crate::todos::hierarchy::{Beside, Move};
use crate::todos::input::TodoInput;
use crate::todos::wire::{TodoPatch, WholeTodo};
use crate::workspace::Workspace;

/// A command as it came, which may be faulty beyond its id.
pub struct Command {
    /// The client's name for it, and what must be the same for a repetition.
    pub attempt: Attempt,
    /// What is to be done, or what is wrong with it.
    pub act: Result<Act, Vec<Violation>>,
}

/// What is to be done.
pub struct Act {
    target: ObjectId,
    condition: Precondition,
    change: Change,
}

/// The words for what is to be done.
const OPS: [&str; 5] = ["put", "patch", "delete", "restore", "move"];

enum Change {
    PutTodo(TodoInput),
    PatchTodo(TodoInput),
    MoveTodo(Move),
    DeleteTodo(Removal),
    RestoreTodo,
    PutList(ListInput),
    PatchList(ListInput),
    MoveList(Option<Beside>),
    DeleteList(Removal),
    RestoreList,
}

/// How something is deleted.
#[derive(Default)]
struct Removal {
    is_permanent: bool,
}

/// What a command came to.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// The status that its route would have answered.
    pub status: u16,
    /// The version of the object now, if it is there.
    pub version: Option<i64>,
}

impl Done {
    const GONE: Self = Self { status: 204, version: None };

    fn changed(version: i64) -> Self {
        Self { status: 200, version: Some(version) }
    }

    fn put((version, is_new): (i64, bool)) -> Self {
        Self { status: if is_new { 201 } else { 200 }, version: Some(version) }
    }
}

impl FromFields for Command {
    fn take(input: &mut Fields) -> Option<Self> {
        let id = input.text("id").and_then(|id| {
            input.check(is_key(&id).then_some(id), || {
                Violation::of(
                    "id",
                    "malformed",
                    format!("An id has 1 to {KEY_MAX_CHARS} printable characters."),
                )
            })
        });
        let rest = input.rest();
        let attempt = Attempt { key: id?, request: rest.canonical() };
        Some(Self { attempt, act: Fields::read(rest) })
    }
}

impl FromFields for Act {
    fn take(input: &mut Fields) -> Option<Self> {
        let kind = input.text("type");
        let kind = kind.and_then(|word| {
            input.check(Kind::of(&word), || Violation::of("type", "unknown_value", "A type is todo or list."))
        });
        let target = input.required_id("target");
        let wrong_version = "A version is a whole number from 1.";
        let version = input.optional::<i64>("if_version", "not_a_version", wrong_version).flatten();
        let op = input.text("op");
        let op = op.and_then(|op| {
            let detail = "An op is put, patch, delete, restore or move.";
            input.check(OPS.contains(&op.as_str()).then_some(op), || {
                Violation::of("op", "unknown_value", detail)
            })
        });
        let change = op.zip(kind).and_then(|(op, kind)| Change::take(input, &op, kind));
        if change.is_none() {
            input.optional::<IgnoredAny>("body", "", "");
        }
        let condition = version.map_or(Precondition::Any, |version| Precondition::Versions(vec![version]));
        Some(Self { target: target?, condition, change: change? })
    }
}

impl Change {
    fn take(input: &mut Fields, op: &str, kind: Kind) -> Option<Self> {
        Some(match (op, kind) {
            ("put", Kind::Todo) => Self::PutTodo(input.required_object::<WholeTodo>("body")?.0),
            ("put", Kind::List) => Self::PutList(input.required_object::<WholeList>("body")?.0),
            ("patch", Kind::Todo) => Self::PatchTodo(input.required_object::<TodoPatch>("body")?.0),
            ("patch", Kind::List) => Self::PatchList(input.required_object::<ListPatch>("body")?.0),
            ("move", Kind::Todo) => Self::MoveTodo(body(input)?),
            ("move", Kind::List) => Self::MoveList(body(input)?),
            ("delete", Kind::Todo) => Self::DeleteTodo(body(input)?),
            ("delete", Kind::List) => Self::DeleteList(body(input)?),
            (_, Kind::Todo) => body::<()>(input).map(|()| Self::RestoreTodo)?,
            (_, Kind::List) => body::<()>(input).map(|()| Self::RestoreList)?,
        })
    }
}

/// A body that may be left out.
fn body<T: FromFields + Default>(input: &mut Fields) -> Option<T> {
    input.object_or_default("body")
}

impl FromFields for Removal {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self { is_permanent: input.flag("permanent").flatten().unwrap_or_default() })
    }
}

/// Does what a command says.
///
/// # Errors
/// Those of the route that does the same.
pub async fn run(plan: &Workspace<'_>, act: Act) -> Result<Done, Error> {
    let Act { target, condition, change } = act;
    let condition = &condition;
    Ok(match change {
        Change::PutTodo(input) => {
            let (todo, is_new) = plan.put(target, input, condition).await?;
            Done::put((todo.version, is_new))
        }
        Change::PatchTodo(input) => Done::changed(plan.change(target, input, condition).await?.version),
        Change::MoveTodo(to) => Done::changed(plan.move_todo(target, &to, condition).await?.version),
        Change::RestoreTodo => Done::changed(plan.restore(target, condition).await?.version),
        Change::DeleteTodo(Removal { is_permanent: false }) => {
            Done { version: Some(plan.trash(target, condition).await?.version), ..Done::GONE }
        }
        Change::DeleteTodo(_) => plan.remove(target, condition).await.map(|()| Done::GONE)?,
        Change::PutList(input) => {
            let put = plan.put_list(target, input, condition).await;
            Done::put(put.map(|(list, is_new)| (list.version, is_new))?)
        }
        Change::PatchList(input) => Done::changed(plan.change_list(target, input, condition).await?.version),
        Change::MoveList(beside) => Done::changed(plan.move_list(target, beside, condition).await?.version),
        Change::RestoreList => Done::changed(plan.restore_list(target, condition).await?.version),
        Change::DeleteList(Removal { is_permanent: false }) => {
            let list = plan.trash_list(target, condition).await?;
            Done { version: Some(list.version), ..Done::GONE }
        }
        Change::DeleteList(_) => plan.remove_list(target, condition).await.map(|()| Done::GONE)?,
    })
}
