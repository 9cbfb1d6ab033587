//! Exports and imports, as every API surface and the command line use them.

use std::sync::Arc;
use std::time::Duration;

use bson::oid::ObjectId;
use futures_util::Stream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::export::{Views, parts};
use super::formats::{self, Format, archive};
use super::jobs::{Jobs, PLANS_MAX, Room, Turn};
use super::model::{Import, ImportState, KEPT_MILLIS, unpacked};
use super::plan::{Origin, Settings};
use super::preparation::{Mode, Prepared};
use super::render::{Account, Append, Part, Rendering};
use super::store::{Imports, united};
use super::writer::Writer;
use crate::clock::time_zone::Zone;
use crate::crypto::sha256::sha256;
use crate::error::{Error, Resource};
use crate::http::admission::Admission;
use crate::icalendar::Uids;
use crate::mongo::object_id;
use crate::users::model::{User, UserPatch};
use crate::users::operations::Accounts;
use crate::workspace::{Workspace, Workspaces};

// After this time, the client gets the progress so far.
const PATIENCE: Duration = Duration::from_secs(4);

// Of the todos that a file has, for each byte of the file.
const MEMORY_OF_BYTE: usize = 4;

pub struct Transfers {
    pub(crate) workspaces: Arc<Workspaces>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) imports: Imports,
    pub(crate) admission: Admission,
    pub(crate) tasks: TaskTracker,
    pub(crate) jobs: Jobs,
}

/// How to import a file.
#[derive(Clone, Copy, Default)]
pub struct Wanted {
    /// Otherwise, the content of the file says it.
    pub format: Option<&'static Format>,
    pub mode: Mode,
    pub is_dry_run: bool,
}

/// The result of an import, or of a dry run.
pub struct Imported {
    pub import: Import,
    pub warning_count: usize,
    /// What a dry run would write.
    pub planned: Option<Prepared>,
}

/// An import that has passed all checks.
struct Job {
    transfers: Arc<Transfers>,
    workspace: Workspace,
    prepared: Prepared,
    settings: Settings,
    import: Import,
    _turn: Turn,
    _room: Room,
}

impl Transfers {
    pub async fn export(
        &self,
        owner_id: ObjectId,
        rendering: &Rendering,
    ) -> Result<(Account, Append, impl Stream<Item = Result<Vec<Part>, Error>> + Send + use<>), Error> {
        let User { username, email, time_zone, .. } = self.accounts.get(owner_id).await?;
        let view = || self.workspaces.of(owner_id);
        let views = Views { lists: view(), todos: view(), texts: rendering.has_calendar_texts.then(view) };
        let account = Account { username, email, time_zone, exported_at: views.todos.now };
        let uids =
            if rendering.has_calendar_texts { views.todos.todos().all_uids().await? } else { Uids::new() };
        Ok((account, (rendering.append)(uids), parts(views)))
    }

    /// Checks the whole file, and then writes what is missing. A large import goes on after the response.
    pub async fn import<F>(
        self: &Arc<Self>,
        owner_id: ObjectId,
        file: F,
        wanted: Wanted,
    ) -> Result<Imported, Error>
    where
        F: AsRef<[u8]> + Send + 'static,
    {
        let turn = self.jobs.turn(owner_id).await?;
        let workspace = self.workspaces.of(owner_id);
        let user = self.accounts.get(owner_id).await?;
        let zone = Zone::named(&user.time_zone).unwrap_or(Zone::UTC);
        let origin = Origin { owner_id, now: workspace.now, zone };
        let size = memory_while_read(file.as_ref());
        let runtime = Handle::current();
        // Comparing many todos with the account takes long too, so the thread for imports does it.
        let read = move || {
            let bytes = file.as_ref();
            let id = id_of(owner_id, bytes, wanted);
            let (format, mut plan) = formats::read(bytes, wanted.format, origin)?;
            drop(file);
            if wanted.is_dry_run {
                plan.drop_texts();
            }
            let (size, settings) = (plan.size(), plan.settings.clone());
            let prepared = runtime.block_on(workspace.prepare_import(plan, wanted.mode))?;
            Ok::<_, Error>((size, (import(id, format, &workspace, &prepared), workspace, prepared, settings)))
        };
        let ((mut import, workspace, prepared, settings), room) = self.jobs.read(size, read).await?;
        let warning_count = prepared.warnings.count;
        if wanted.is_dry_run {
            import.state = ImportState::Planned;
            return Ok(Imported { import, warning_count, planned: Some(prepared) });
        }
        self.begin(&mut import, &prepared).await?;
        let (sender, receiver) = oneshot::channel();
        let begun = import.clone();
        let job =
            Job { transfers: self.clone(), workspace, prepared, settings, import, _turn: turn, _room: room };
        self.tasks.spawn(async move { drop(sender.send(job.run().await)) });
        let import = match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(done) => done.map_err(Error::internal)??,
            Err(_) => begun,
        };
        Ok(Imported { import, warning_count, planned: None })
    }

    /// Stores what the import will create, so that it can be undone even if it is interrupted.
    async fn begin(&self, import: &mut Import, prepared: &Prepared) -> Result<(), Error> {
        let earlier = self.imports.find(import.id, import.owner_id).await?;
        if earlier.is_none() {
            self.imports.forget_oldest(import.owner_id).await?;
        }
        let (lists, todos) =
            earlier.map_or((None, None), |earlier| (earlier.created_lists, earlier.created_todos));
        import.created_lists = Some(united(lists.as_ref(), prepared.lists.iter().map(|list| list.id)));
        import.created_todos = Some(united(todos.as_ref(), prepared.todos.iter().map(|todo| todo.id)));
        self.imports.begin(import).await
    }

    pub async fn progress(&self, owner_id: ObjectId, id: ObjectId) -> Result<Import, Error> {
        let found = self.imports.find(id, owner_id).await?;
        let mut import = found.ok_or(Error::NotFound(Resource::Import))?;
        import.state = import.state_at(self.workspaces.now());
        Ok(import)
    }

    /// The imports that can be undone, the newest first.
    pub async fn all(&self, owner_id: ObjectId) -> Result<Vec<Import>, Error> {
        let now = self.workspaces.now();
        let imports = self.imports.all_of(owner_id).await?.into_iter();
        Ok(imports.map(|import| Import { state: import.state_at(now), ..import }).collect())
    }

    /// Moves what the import has created to the trash. Fails with [`Error::Throttled`] while an import of the user runs.
    pub async fn undo(&self, owner_id: ObjectId, id: ObjectId) -> Result<Import, Error> {
        let import = self.progress(owner_id, id).await?;
        let _turn = self.jobs.turn(owner_id).await?;
        let (lists, todos) =
            (unpacked(import.created_lists.as_ref()), unpacked(import.created_todos.as_ref()));
        let workspace = self.workspaces.of(owner_id);
        workspace.undo_import(lists, todos).await?;
        let undone = self.imports.set_state(&import, ImportState::Undone, workspace.now).await?;
        undone.ok_or(Error::NotFound(Resource::Import))
    }
}

impl Job {
    async fn run(self) -> Result<Import, Error> {
        let Self { transfers, workspace, prepared, settings, import, .. } = &self;
        let written = transfers.write(workspace, prepared, settings, import).await;
        let state = if written.is_ok() { ImportState::Done } else { ImportState::Interrupted };
        if let Err(error) = &written {
            tracing::warn!(%error, import = %import.id, "an import was interrupted");
        }
        let stored = transfers.imports.set_state(import, state, transfers.workspaces.now()).await;
        written?;
        stored?.ok_or(Error::NotFound(Resource::Import))
    }
}

impl Transfers {
    async fn write(
        &self,
        workspace: &Workspace,
        prepared: &Prepared,
        settings: &Settings,
        import: &Import,
    ) -> Result<(), Error> {
        let (admission, imports) = (&self.admission, &self.imports);
        let now = || self.workspaces.now();
        Writer { workspace, admission, imports, import, now: &now }.write(prepared).await?;
        match self.accounts.get(import.owner_id).await {
            Ok(user) if prepared.is_account_empty => self.take_over(&user, settings).await,
            Ok(_) => Ok(()),
            // The user was deleted in the meantime, so nothing may stay.
            Err(error) => {
                self.accounts.owned.delete_all(import.owner_id).await?;
                self.imports.delete_all_of(import.owner_id).await?;
                Err(error)
            }
        }
    }

    /// Settings that the user has not chosen come from the file.
    async fn take_over(&self, user: &User, settings: &Settings) -> Result<(), Error> {
        let email = settings.email.clone().filter(|_| user.email.is_none());
        let time_zone = settings.time_zone.clone().filter(|_| user.time_zone == Zone::UTC.name());
        // What breaks the rules for settings is left out.
        let email = email.filter(|email| UserPatch::parse(Some(Some(email.clone())), None).is_ok());
        let time_zone = time_zone.filter(|zone| Zone::named(zone).is_some());
        let patch = UserPatch { email: email.map(Some), time_zone };
        self.accounts.patch(user.id, patch, None).await?;
        Ok(())
    }
}

/// About how many bytes of memory reading the file takes, without the file. What is in an archive is not known yet.
fn memory_while_read(file: &[u8]) -> usize {
    if archive::is_archive(file) { PLANS_MAX } else { file.len() * MEMORY_OF_BYTE }
}

/// The same file is the same import, so that a repetition of the request continues it.
fn id_of(owner_id: ObjectId, file: &[u8], wanted: Wanted) -> ObjectId {
    let format = wanted.format.map_or("", |format| format.name);
    object_id::derived(owner_id, &format!("import:{:?}:{format}:{:?}", wanted.mode, sha256(file)))
}

fn import(id: ObjectId, format: &Format, workspace: &Workspace, prepared: &Prepared) -> Import {
    let now = workspace.now;
    Import {
        id,
        owner_id: workspace.owner_id,
        format: format.name.to_owned(),
        state: ImportState::Running,
        lists: prepared.list_counts,
        todos: prepared.todo_counts,
        written: 0,
        warnings: prepared.warnings.first.clone(),
        started_at: now,
        updated_at: now,
        created_lists: None,
        created_todos: None,
        expires_at: now.saturating_add_millis(KEPT_MILLIS),
    }
}
