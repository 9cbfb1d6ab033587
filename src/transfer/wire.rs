//! Imports as JSON, and the query parameters of exports and imports.

use std::collections::HashMap;

use bson::oid::ObjectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::formats::Format;
use super::model::{Counts, Import, ImportState};
use super::operations::{Imported, Wanted};
use super::plan::Warning;
use super::preparation::{Mode, Prepared};
use super::render::{RENDERINGS, Rendering};
use crate::error::Violation;
use crate::http::query::{FromParams, Params};
use crate::openapi::schema::{Id, Time};
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};

/// Of a preview.
pub const PREVIEW_TODOS_MAX: usize = 100;

/// An import: what it does, how far it is, and what was not taken over.
#[derive(Serialize, ToSchema)]
#[schema(as = Import)]
pub(crate) struct ImportBody {
    /// The id of the import. The same file has the same id.
    id: Id,
    /// The format of the file.
    format: String,
    /// How far the import is.
    state: ImportState,
    /// What happens with the lists of the file.
    lists: Counts,
    /// What happens with the todos of the file.
    todos: Counts,
    /// How many of the lists and todos to be created are written.
    written: i64,
    /// The first 100 warnings: what was not taken over as it was.
    warnings: Vec<Warning>,
    /// When the import began.
    started_at: Time,
    /// When the import last made progress.
    updated_at: Time,
}

/// The imports of the last 30 days, at most 20, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Imports)]
pub(crate) struct ImportsBody {
    /// The imports.
    items: Vec<ImportBody>,
}

impl From<Vec<Import>> for ImportsBody {
    fn from(imports: Vec<Import>) -> Self {
        Self { items: imports.into_iter().map(ImportBody::from).collect() }
    }
}

/// The result of an import: the import and, for a dry run, what it would create.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportResult)]
pub(crate) struct ImportedBody {
    /// The import. It is not stored for a dry run.
    import: ImportBody,
    /// How many warnings there are.
    warning_count: u64,
    /// What a dry run would create. Null otherwise.
    preview: Option<Preview>,
}

/// What an import would create.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportPreview)]
pub(crate) struct Preview {
    /// The first 100 lists.
    lists: Vec<PreviewedList>,
    /// The first 100 todos, parents before their subtasks.
    todos: Vec<PreviewedTodo>,
}

/// A list that an import would create.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewedList)]
pub(crate) struct PreviewedList {
    /// The name of the list.
    name: String,
    /// How many todos would be created in the list.
    todo_count: u64,
}

/// A todo that an import would create.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewedTodo)]
pub(crate) struct PreviewedTodo {
    /// What is to be done.
    name: String,
    /// The name of the new list of the todo. Null is the inbox or a list of the account.
    list: Option<String>,
    /// Whether the todo is a subtask.
    is_subtask: bool,
    /// Whether the todo is done.
    completed: bool,
    #[schema(value_type = Object)]
    due: Option<Due>,
    /// How important the todo is.
    #[schema(value_type = Priority)]
    priority: &'static str,
    /// The tags of the todo.
    tags: Vec<String>,
    /// The recurrence rule. Null if the todo does not repeat.
    rule: Option<String>,
    /// Whether the todo would be in the trash.
    deleted: bool,
}

impl From<Import> for ImportBody {
    fn from(import: Import) -> Self {
        Self {
            id: Id(import.id),
            format: import.format,
            state: import.state,
            lists: import.lists,
            todos: import.todos,
            written: import.written,
            warnings: import.warnings,
            started_at: Time(import.started_at),
            updated_at: Time(import.updated_at),
        }
    }
}

impl From<Imported> for ImportedBody {
    fn from(Imported { import, warning_count, planned }: Imported) -> Self {
        let preview = planned.map(Preview::from);
        Self { import: import.into(), warning_count: warning_count as u64, preview }
    }
}

impl From<Prepared> for Preview {
    fn from(Prepared { lists, todos, .. }: Prepared) -> Self {
        let mut counts: HashMap<ObjectId, u64> = HashMap::new();
        for list in todos.iter().filter_map(|todo| todo.list_id) {
            *counts.entry(list).or_default() += 1;
        }
        let names: HashMap<_, _> = lists.iter().map(|list| (list.id, list.name.clone())).collect();
        let todos = todos.into_iter().take(PREVIEW_TODOS_MAX);
        let todos = todos.map(|todo| PreviewedTodo::of(todo, &names)).collect();
        let lists = lists.into_iter().take(PREVIEW_TODOS_MAX);
        let counted = |id| counts.get(&id).copied().unwrap_or_default();
        let lists =
            lists.map(|list| PreviewedList { todo_count: counted(list.id), name: list.name }).collect();
        Self { lists, todos }
    }
}

impl PreviewedTodo {
    fn of(todo: Todo, lists: &HashMap<ObjectId, String>) -> Self {
        Self {
            list: todo.list_id.and_then(|id| lists.get(&id).cloned()),
            is_subtask: todo.parent_id.is_some(),
            completed: todo.completed,
            due: todo.due,
            priority: todo.priority.word(),
            rule: todo.recurrence.as_ref().map(|recurrence| recurrence.rule().to_owned()),
            deleted: todo.deleted_at.is_some(),
            name: todo.name,
            tags: todo.tags,
        }
    }
}

pub(crate) const MODES: [(&str, Mode); 2] = [("missing", Mode::Missing), ("copy", Mode::Copy)];

impl FromParams for Wanted {
    fn take(params: &mut Params) -> Option<Self> {
        let unknown =
            || Violation::of("format", "unknown_value", format!("Must be one of: {}.", Format::names()));
        let format = params.parse("format", Format::by_name, unknown);
        let mode = |text: &str| MODES.into_iter().find(|(name, _)| *name == text).map(|(_, mode)| mode);
        let unknown = || Violation::of("mode", "unknown_value", "Must be `missing` or `copy`.");
        let mode = params.parse("mode", mode, unknown).unwrap_or_default();
        let not_a_boolean = || Violation::of("dry_run", "not_a_boolean", "Must be `true` or `false`.");
        let is_dry_run = params.parse("dry_run", |text| text.parse().ok(), not_a_boolean).unwrap_or_default();
        Some(Self { format, mode, is_dry_run })
    }
}

/// The rendering that a client asks for.
pub struct Asked(pub &'static Rendering);

impl FromParams for Asked {
    fn take(params: &mut Params) -> Option<Self> {
        let names = || RENDERINGS.iter().map(|rendering| rendering.name).collect::<Vec<_>>().join(", ");
        let unknown = || Violation::of("format", "unknown_value", format!("Must be one of: {}.", names()));
        let asked = params.parse("format", Rendering::by_name, unknown);
        Some(Self(asked.unwrap_or(&RENDERINGS[0])))
    }
}
