//! Optimistic updates: read a document, let the caller decide, write if the version is unchanged, otherwise start over.
//! Two requests that change different fields of one document therefore both survive.
//!
//! A change of one document can have side effects on others. The write that changes the document also stores the side
//! effects ([`PendingEffects`]); they are applied right after this write, and the note is deleted last. If they concern
//! many documents, a task applies them after the response: see [`super::bulk`]. After a crash in between, the next update
//! of the document or the upkeep applies them. So every side effect must be safe to repeat.
//!
//! **Invariant:** the loop of `retry` is the only one, so a third kind of document needs no loop of its own.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;

use super::cascades::BATCH_MAX;
use super::collection::OwnedBy;
use super::note::{Note, release};
use super::{Conflict, Owned, PendingEffects, Precondition, State};
use crate::error::Error;
use crate::mongo::object_id;

const TRIES: usize = 64;

/// What an update needs to know about the time of the request, whatever kind of document it changes.
pub trait Timing: Sync {
    /// When the request began.
    fn now(&self) -> DateTime;

    /// Fails after the time at which the client gets a 503 and may repeat the request.
    fn assert_in_time(&self) -> Result<(), Error>;
}

/// What an update needs to know about the documents that depend on a `T`.
pub trait Context<T: Owned>: Timing {
    fn documents(&self) -> OwnedBy<'_, T>;

    /// The note, if this instance is applying its effects.
    fn running(&self, note: ObjectId) -> Option<Arc<Note>>;

    /// Applies all effects, or registers what is left of them under the note.
    fn apply(
        &self,
        root: &T,
        effects: &[T::Effect],
        note: &Arc<Note>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The documents that must not outlive the document `id`, leaves first.
    fn dependents(&self, id: ObjectId) -> impl Future<Output = Result<Vec<ObjectId>, Error>> + Send;

    fn remove_dependents(
        &self,
        id: ObjectId,
        ids: Vec<ObjectId>,
        note: &Arc<Note>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Live documents; a document in the trash fails with [`Error::InTrash`].
    Live,
    Kept,
    /// Like `Kept`; in addition, a linearizable read confirms that a missing document is gone.
    KeptOrConfirmedGone,
}

pub enum Step<T: Owned> {
    Unchanged,
    Replace(T, Vec<T::Effect>),
    /// The decision needed changes of other documents: read again.
    StartOver,
}

/// A document before and after an update; both are equal if nothing had to change.
pub struct Updated<T> {
    pub before: T,
    pub after: T,
}

pub async fn update<T, F>(
    context: &impl Context<T>,
    id: ObjectId,
    accept: Accept,
    precondition: &Precondition,
    decide: impl Fn(T) -> F + Sync,
) -> Result<Updated<T>, Conflict<T>>
where
    T: Owned + Clone,
    F: Future<Output = Result<Step<T>, Error>> + Send,
{
    retry(async || {
        let before = precondition.check(read(&context.documents(), id, accept).await?)?;
        Ok(match decide(before.clone()).await? {
            Step::Unchanged => confirm_unchanged(context, before).await?,
            Step::Replace(after, effects) => save(context, before, after, effects).await?,
            Step::StartOver => None,
        })
    })
    .await
}

/// Changes the document with this id by `change`, or creates it by `insert`, which returns `None` if the id is taken.
/// Returns whether it was created.
pub async fn put<T, C, I>(
    context: &impl Context<T>,
    id: ObjectId,
    precondition: &Precondition,
    change: impl Fn() -> C + Sync,
    insert: impl Fn() -> I + Sync,
) -> Result<(T, bool), Conflict<T>>
where
    T: Owned,
    C: Future<Output = Result<T, Conflict<T>>> + Send,
    I: Future<Output = Result<Option<T>, Error>> + Send,
{
    let documents = context.documents();
    retry(async || {
        if let Some(current) = documents.find(id).await? {
            // Fails for `Absent`. `change` reads the document again and checks the versions itself.
            precondition.check(current)?;
            return Ok(Some((change().await?, false)));
        }
        if !precondition.allows_absence() {
            return Err(Conflict::Stale(None));
        }
        if let Some(created) = insert().await? {
            return Ok(Some((created, true)));
        }
        // Another request of this user may have created the document since the first read.
        match documents.find(id).await? {
            Some(_) => Ok(None),
            // Not found for this user, so another user has the id.
            None => Err(Error::IdTaken.into()),
        }
    })
    .await
}

pub async fn remove<T: Owned>(
    context: &impl Context<T>,
    id: ObjectId,
    precondition: &Precondition,
) -> Result<(), Conflict<T>> {
    let documents = context.documents();
    retry(async || {
        let root = precondition.check(read(&documents, id, Accept::KeptOrConfirmedGone).await?)?;
        context.assert_in_time()?;
        let (version, now) = (root.version(), context.now());
        let dependents = context.dependents(id).await?;
        let _at_once = if dependents.is_empty() { None } else { documents.wait_at_once().await? };
        if dependents.len() > BATCH_MAX {
            // The tombstone notes the rest.
            let note = object_id::generate(context.now());
            let is_buried = documents.bury(id, version, now, Some(note)).await?;
            if is_buried {
                remove_rest(context, id, Some(note), dependents).await?;
            }
            return Ok(is_buried.then_some(()));
        }
        // Nothing of the root is left afterwards to find its dependents by. So they go first: a repetition after a
        // crash still finds the root.
        context.remove_dependents(id, dependents, &Note::none()).await?;
        Ok(documents.bury(id, version, now, None).await?.then_some(()))
    })
    .await
}

/// Completes a removal that its tombstone notes.
pub async fn finish_removal<T: Owned>(
    context: &impl Context<T>,
    id: ObjectId,
    note: Option<ObjectId>,
) -> Result<(), Error> {
    if let Some(running) = note.and_then(|note| context.running(note)) {
        release(running).await;
        return Ok(());
    }
    let dependents = context.dependents(id).await?;
    remove_rest(context, id, note, dependents).await
}

async fn remove_rest<T: Owned>(
    context: &impl Context<T>,
    id: ObjectId,
    note: Option<ObjectId>,
    dependents: Vec<ObjectId>,
) -> Result<(), Error> {
    let note = context.documents().note_in(id, note);
    context.remove_dependents(id, dependents, &note).await?;
    note.complete();
    release(note).await;
    Ok(())
}

/// Applies the side effects that are still pending, unless this instance is doing that already.
pub async fn finish<T: Owned>(context: &impl Context<T>, document: &mut T) -> Result<(), Error> {
    let Some(PendingEffects { id, effects, .. }) = document.pending_effects().take() else { return Ok(()) };
    if let Some(running) = id.and_then(|id| context.running(id)) {
        release(running).await;
        return Ok(());
    }
    let documents = context.documents();
    let _at_once = documents.wait_at_once().await?;
    let note = documents.note_in(document.id(), id);
    start(context, document, &effects, note).await
}

async fn start<T: Owned>(
    context: &impl Context<T>,
    root: &T,
    effects: &[T::Effect],
    note: Arc<Note>,
) -> Result<(), Error> {
    context.apply(root, effects, &note).await?;
    // The stored note is cleared last: after a crash before that, the next update or the upkeep repeats the effects.
    note.complete();
    release(note).await;
    Ok(())
}

/// The id of the note of pending effects.
pub(super) fn note_of<T: Owned>(document: &mut T) -> Option<ObjectId> {
    document.pending_effects().as_ref().and_then(|pending| pending.id)
}

/// Repeats an attempt that returns `None` because another request was faster.
pub async fn retry<R, E, F>(attempt: impl Fn() -> F) -> Result<R, E>
where
    E: From<Error>,
    F: Future<Output = Result<Option<R>, E>>,
{
    for _ in 0..TRIES {
        if let Some(result) = attempt().await? {
            return Ok(result);
        }
    }
    Err(Error::unavailable("other requests modified the same document in every attempt").into())
}

async fn read<T: Owned>(documents: &OwnedBy<'_, T>, id: ObjectId, accept: Accept) -> Result<T, Error> {
    let found = match accept {
        Accept::Live | Accept::Kept => documents.get(id).await?,
        Accept::KeptOrConfirmedGone => documents.get_or_confirm_gone(id).await?,
    };
    if accept == Accept::Live && found.state() != State::Live { Err(Error::InTrash) } else { Ok(found) }
}

/// Writes `after` if `before` is still stored, and applies its side effects. `None` if another request was faster.
async fn save<T: Owned>(
    context: &impl Context<T>,
    mut before: T,
    mut after: T,
    effects: Vec<T::Effect>,
) -> Result<Option<Updated<T>>, Error> {
    context.assert_in_time()?;
    after.revise(&before, context.now());
    let seen = note_of(&mut before);
    let running = seen.and_then(|seen| context.running(seen));
    // An earlier attempt may have died before it applied its side effects. They come first.
    let mut pending = before.pending_effects().take().map_or_else(Vec::new, |earlier| earlier.effects);
    let applied = if running.is_some() { pending.len() } else { 0 };
    pending.extend(effects);
    let (id, documents) = (object_id::generate(context.now()), context.documents());
    let _at_once = if pending.is_empty() { None } else { documents.wait_at_once().await? };
    *after.pending_effects() = (!pending.is_empty()).then(|| PendingEffects {
        since: context.now(),
        id: Some(id),
        effects: pending,
    });
    let is_saved = documents.swap(&after, before.version(), seen).await;
    let note = documents.note_in(after.id(), Some(id));
    if let Some(running) = running {
        if matches!(is_saved, Ok(true)) {
            running.precedes(note.clone());
        }
        release(running).await;
    }
    if !is_saved? {
        return Ok(None);
    }
    if let Some(pending) = after.pending_effects().take() {
        Box::pin(start(context, &after, &pending.effects[applied..], note)).await?;
    }
    Ok(Some(Updated { before, after }))
}

/// `None` if another request was faster.
async fn confirm_unchanged<T: Owned + Clone>(
    context: &impl Context<T>,
    mut seen: T,
) -> Result<Option<Updated<T>>, Error> {
    // An earlier attempt of the same request may have died before its side effects.
    finish(context, &mut seen).await?;
    // A rollback could undo the write of that attempt, so success needs a majority.
    let is_durable = context.documents().is_durable(&seen).await?;
    Ok(is_durable.then(|| Updated { before: seen.clone(), after: seen }))
}
