//! What calendar clients do with todos: writing the resource `/dav/lists/{user}/{list}/{name}`.
//!
//! A client sends a whole object. [`crate::icalendar`] says what it means for the todo, and its text is stored in the same
//! write as the fields that it changes.

use bson::oid::ObjectId;

use super::objects::{Member, Place, id_in};
use super::refusal::{Condition, Refusal};
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::icalendar::{self, Ahead, Meaning, Object};
use crate::mongo::object_id;
use crate::owned::document::IdUse;
use crate::owned::update::retry;
use crate::owned::{Conflict, Precondition, State};
use crate::todos::calendar::{CalendarNames, CalendarText, default_name};
use crate::todos::input::TodoInput;
use crate::todos::model::{SideEffect, Todo};
use crate::workspace::Workspace;

pub(crate) struct Put {
    pub(crate) member: Member,
    pub(crate) is_new: bool,
}

/// What one object says, apart from the todo that it changes.
struct Incoming<'a> {
    object: &'a Object,
    uid: &'a str,
    parent_uid: Option<String>,
    zone: Zone,
}

impl Workspace {
    pub(super) fn new_id(&self) -> ObjectId {
        object_id::generate(self.now)
    }

    /// Creates or replaces a resource. An object whose UID is in another list, or in the trash, moves here.
    pub(crate) async fn put_resource(
        &self,
        place: Place<'_>,
        object: &Object,
        precondition: &Precondition,
    ) -> Result<Put, Refusal> {
        let zone = self.zone().await?;
        let uid = object.uid().unwrap_or_default();
        let parent_uid = object.fields(zone).parent_uid.filter(|parent| *parent != uid);
        let incoming = Incoming { object, uid: &uid, parent_uid, zone };
        let put = retry(|| Box::pin(self.try_put(place, &incoming, precondition))).await?;
        self.adopt(&put.member.todo, &uid).await?;
        Ok(put)
    }

    /// `None` if another request was faster.
    async fn try_put(
        &self,
        place: Place<'_>,
        incoming: &Incoming<'_>,
        precondition: &Precondition,
    ) -> Result<Option<Put>, Refusal> {
        let (here, same) = (self.resource(place).await?, self.with_uid(incoming.uid).await?);
        if let Some(here) = here {
            if here.uid() != incoming.uid {
                return Err(self.uid_taken(&same.unwrap_or(here)).await?);
            }
            precondition.check(here.clone())?;
            let member = Box::pin(self.overwrite(here, place, incoming)).await?;
            return Ok(member.map(|member| Put { member, is_new: false }));
        }
        let is_elsewhere = same.as_ref().is_some_and(|same| same.state == State::Live);
        if !precondition.allows_absence() {
            // With 404, a client uploads its edit again as a new object, so that the edit outlives a removal.
            let is_for_any = *precondition == Precondition::Exists;
            let failed = || Condition::PreconditionFailed.into();
            return Err(if is_elsewhere || is_for_any { failed() } else { Refusal::not_found() });
        }
        let Some(same) = same else { return Box::pin(self.create(place, incoming)).await };
        // A todo that came here without its client has a name that the client does not know.
        if is_elsewhere && same.list_id == place.list_id && !same.has_stray_name() {
            return Err(self.uid_taken(&same).await?);
        }
        self.free_place(place).await?;
        let restored = if same.state == State::Live {
            same
        } else {
            // A client that wants the subtasks back sends them too.
            self.restore_alone(same.id).await?;
            self.todo(same.id).await?
        };
        let member = Box::pin(self.overwrite(restored, place, incoming)).await?;
        Ok(member.map(|member| Put { member, is_new: true }))
    }

    async fn create(&self, place: Place<'_>, incoming: &Incoming<'_>) -> Result<Option<Put>, Refusal> {
        let id = self.id_for(place.name).await?;
        self.free_place(place).await?;
        let fields = incoming.object.fields(incoming.zone);
        let (parent_id, wanted) = self.parent_in(place.list_id, incoming.parent_uid.as_deref(), id).await?;
        let names = names(id, place, incoming, wanted);
        let input = TodoInput { list_id: Some(place.list_id), parent_id: Some(parent_id), ..fields.input() };
        let text = incoming.object.text().to_owned();
        let finish = |names: CalendarNames| {
            let (text, fields) = (&text, &fields);
            move |todo: &mut Todo| {
                todo.created_at = fields.created_at.unwrap_or(todo.created_at);
                todo.position =
                    fields.position(todo.created_at).unwrap_or(std::mem::take(&mut todo.position));
                todo.calendar = Some(names.clone());
                todo.ical = Some(CalendarText { text: text.clone(), version: 1 });
            }
        };
        let created = match self.insert_todo_with(id, input.clone(), finish(names.clone())).await {
            // The parent is nested too deep, or left in between.
            Err(Error::Invalid(_)) if parent_id.is_some() => {
                let names = CalendarNames { parent: incoming.parent_uid.clone(), ..names };
                let input = TodoInput { parent_id: None, ..input };
                self.insert_todo_with(id, input, finish(names)).await?
            }
            created => created?,
        };
        let Some(todo) = created else { return Ok(None) };
        // Occurrences of their own can be completed already.
        if incoming.object.text().contains("RECURRENCE-ID") {
            let member = Box::pin(self.overwrite(todo, place, incoming)).await?;
            return Ok(member.map(|member| Put { member, is_new: true }));
        }
        Ok(Some(Put { member: self.with_parent(todo).await?, is_new: true }))
    }

    /// A name made of an id gives the todo this id, because the name would otherwise be that of another todo.
    async fn id_for(&self, name: &str) -> Result<ObjectId, Refusal> {
        let Some(id) = id_in(name) else { return Ok(object_id::generate(self.now)) };
        match (self.todos().id_use(id).await?, self.todos().find(id).await?) {
            (IdUse::OtherUser, _) => Ok(object_id::generate(self.now)),
            (_, Some(other)) => Err(self.uid_taken(&other).await?),
            (_, None) => Ok(id),
        }
    }

    /// Makes what the object says the state of the todo, here. `None` if another request was faster.
    async fn overwrite(
        &self,
        before: Todo,
        place: Place<'_>,
        incoming: &Incoming<'_>,
    ) -> Result<Option<Member>, Refusal> {
        let before = self.with_parent(before).await?;
        let id = before.todo.id;
        let stored = before.stored();
        let stored = stored.as_ref();
        let meaning = icalendar::meaning(&before.shown(), stored, incoming.object, incoming.zone, self.now);
        let (parent_id, wanted) = self.parent_in(place.list_id, incoming.parent_uid.as_deref(), id).await?;
        let input =
            TodoInput { list_id: Some(place.list_id), parent_id: Some(parent_id), ..meaning.input.clone() };
        let names = names(id, place, incoming, wanted);
        let is_as_shown = before.text() == incoming.object.text();
        let say = async |input: TodoInput, names: &CalendarNames| {
            self.say(&before.todo, input, names, &meaning, is_as_shown).await
        };
        let changed = match say(input.clone(), &names).await {
            Err(Conflict::Error(Error::Invalid(_))) if parent_id.is_some() => {
                let names = CalendarNames { parent: incoming.parent_uid.clone(), ..names };
                say(TodoInput { parent_id: Some(None), ..input }, &names).await
            }
            changed => changed,
        };
        match changed {
            Err(Conflict::Stale(_)) => Ok(None),
            changed => Ok(Some(self.with_parent(changed?).await?)),
        }
    }

    /// Makes the writes that an object means.
    async fn say(
        &self,
        before: &Todo,
        input: TodoInput,
        names: &CalendarNames,
        meaning: &Meaning,
        is_as_shown: bool,
    ) -> Result<Todo, Conflict<Todo>> {
        let step = self.new_id();
        let records = self.records_ahead(before, &meaning.ahead).await?;
        let finish = |before: &Todo, after: &mut Todo| {
            after.calendar = Some(names.clone());
            if let Some(position) = &meaning.position {
                after.position.clone_from(position);
            }
            // The same object again changes nothing, even if the todo was moved or changed since its text was stored.
            let is_stored = before
                .ical
                .as_ref()
                .is_some_and(|ical| ical.text == meaning.text && ical.version == before.version);
            if !is_stored && !is_as_shown {
                after.ical = Some(CalendarText { text: meaning.text.clone(), version: before.version + 1 });
            }
            records.clone()
        };
        let seen = Precondition::Versions(vec![before.version]);
        let mut changed = self.as_attempt(step).change_todo_with(before.id, input, &seen, finish).await?;
        if let Some(text) = &meaning.record_text {
            self.keep_with_record(step, text.clone()).await?;
        }
        for completion in &meaning.more {
            let step = self.new_id();
            let (attempt, seen) = (self.as_attempt(step), Precondition::Versions(vec![changed.version]));
            match attempt.change_todo_with(before.id, completion.input(), &seen, |_, _| Vec::new()).await {
                // Another request has changed the todo since, and the client reads it again.
                Err(Conflict::Stale(_)) => break,
                done => changed = done?,
            }
            self.keep_with_record(step, completion.text.clone()).await?;
        }
        Ok(changed)
    }

    /// The records of occurrences that were completed before their turn.
    async fn records_ahead(&self, series: &Todo, ahead: &[Ahead]) -> Result<Vec<SideEffect>, Error> {
        if !ahead.is_empty() {
            self.assert_room_for_todos(u64::try_from(ahead.len()).unwrap_or(u64::MAX)).await?;
        }
        let record = |ahead: &Ahead| {
            let position = self.order_keys().last(self.now);
            let mut record = ahead.record(series, self.new_id(), position, self.now);
            record.ical = Some(CalendarText { text: ahead.completion.text.clone(), version: 1 });
            SideEffect::Record(Box::new(record))
        };
        Ok(ahead.iter().map(record).collect())
    }

    /// Keeps what the client said about a completed occurrence with its record.
    async fn keep_with_record(&self, record: ObjectId, text: String) -> Result<(), Conflict<Todo>> {
        let finish = |before: &Todo, after: &mut Todo| {
            after.ical = Some(CalendarText { text: text.clone(), version: before.version + 1 });
            Vec::new()
        };
        let kept = self.change_todo_with(record, TodoInput::default(), &Precondition::Any, finish).await;
        match kept {
            // The series has ended, or the record was removed since.
            Err(Conflict::Error(Error::NotFound(_) | Error::InTrash)) => Ok(()),
            kept => kept.map(drop),
        }
    }
}

fn names(id: ObjectId, place: Place<'_>, incoming: &Incoming<'_>, wanted: Option<String>) -> CalendarNames {
    let chosen = (place.name != default_name(id)).then(|| place.name.to_owned());
    CalendarNames { uid: Some(incoming.uid.to_owned()), list: place.list_id, name: chosen, parent: wanted }
}
