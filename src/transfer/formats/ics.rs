//! iCalendar (RFC 5545): a file with todos, or an archive of such files. It is read by the code that reads what calendar
//! clients send, and the text of each todo is kept.

use bson::oid::ObjectId;

use super::lists::Draft;
use super::{Refusal, archive};
use crate::error::Violation;
use crate::icalendar::{self, Broken, Fields, File, Listed, Object, Shown, Stored, meaning};
use crate::lists::model::List;
use crate::mongo::object_id;
use crate::owned::text::COLOR;
use crate::todos::calendar::{CalendarNames, CalendarText};
use crate::todos::input::TodoInput;
use crate::todos::model::Todo;
use crate::todos::recurrence::Reason;
use crate::transfer::plan::{Origin, Plan, TODOS_WITHOUT_RECORDS_MAX as TODOS_MAX};

/// In bytes, of the texts of one file together: the kept ones, each with its time zones, and the descriptions in them.
pub const TEXTS_MAX: usize = 32 * 1024 * 1024;

const BEGIN: &[u8] = b"BEGIN:VCALENDAR";

pub fn recognises(file: &[u8]) -> bool {
    let start = file.trim_ascii_start();
    start.get(..BEGIN.len()).is_some_and(|start| start.eq_ignore_ascii_case(BEGIN))
}

pub fn is_calendar(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("ics"))
}

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let mut reader = Reader { draft: Draft::new(origin), bytes: 0 };
    if archive::is_archive(file) {
        archive::each(file, is_calendar, |archive::TextFile { name, bytes }| {
            reader.file(&bytes, Some(&name))
        })?;
    } else {
        reader.file(file, None)?;
    }
    Ok(reader.draft.plan)
}

struct Reader {
    draft: Draft,
    /// Of the texts so far.
    bytes: usize,
}

impl Reader {
    fn file(&mut self, bytes: &[u8], path: Option<&str>) -> Result<(), Refusal> {
        let file = File::read(bytes, TODOS_MAX).map_err(|broken| refused(broken, path))?;
        let stem =
            path.map(|path| std::path::Path::new(path).file_stem().unwrap_or_default().to_string_lossy());
        let name = file.name.clone().or_else(|| stem.map(std::borrow::Cow::into_owned));
        let list = name.map(|name| Listed { id: None, name });
        for (line, object) in file.objects() {
            let Some(object) = self.whole(&file, line, object) else { continue };
            let (object, own_list) = object.without_list();
            let list_id = self.list(own_list.as_ref().or(list.as_ref()), line, file.color.as_deref())?;
            self.object(line, &object, list_id)?;
        }
        if let Some(first) = file.others.first() {
            let detail = format!("Events and journals were left out: {}.", file.others.len());
            self.draft.plan.warnings.add(*first, detail);
        }
        Ok(())
    }

    /// The object, without its attachments if it is too large. `None` with a warning if it is left out.
    fn whole(
        &mut self,
        file: &File<'_>,
        line: usize,
        object: Result<Object, icalendar::Refusal>,
    ) -> Option<Object> {
        let Err(refusal) = object else { return object.ok() };
        let without = file.without_attachments(line);
        let detail = match without {
            Some(_) => "The attached files were left out.".to_owned(),
            None => format!("The todo was left out: {}", refusal.detail()),
        };
        self.draft.plan.warnings.add(line, detail);
        without
    }

    fn list(
        &mut self,
        list: Option<&Listed>,
        line: usize,
        color: Option<&str>,
    ) -> Result<Option<ObjectId>, Violation> {
        let Some(Listed { id, name }) = list else { return Ok(None) };
        let before = self.draft.plan.lists.len();
        let key = match id {
            Some(id) => format!("ical:list:id:{id}"),
            None => format!("ical:list:{name}"),
        };
        let derived = self.draft.list(line, &key, name)?;
        let id = id.unwrap_or(derived);
        if let Some(new) = self.draft.plan.lists.get_mut(before) {
            // The same file has the same color for all lists that it names.
            let color = color.and_then(|color| COLOR.read(color.get(..7).unwrap_or(color)));
            new.value = List { id, color, ..new.value.clone() };
        }
        Ok(Some(id))
    }

    fn object(&mut self, line: usize, object: &Object, list_id: Option<ObjectId>) -> Result<(), Refusal> {
        let origin = self.draft.origin;
        let fields = object.fields(origin.zone);
        self.bytes += object.text().len() + fields.description.len();
        if self.bytes > TEXTS_MAX {
            let detail = format!("The todos have more than {TEXTS_MAX} bytes together. Split the file.");
            return Err(Violation::of_whole("too_large", detail).into());
        }
        for sentence in object.unheld(&fields) {
            self.draft.plan.warnings.add(line, sentence + " The calendar text keeps it.");
        }
        let uid = object.uid().filter(|uid| !uid.trim().is_empty());
        let id = match &uid {
            Some(uid) => id_of(origin, uid),
            None => self.draft.id_of_content(format!("ical:text:{}", object.text())),
        };
        let mut todo = Todo { list_id, ..Todo::blank(id, origin.owner_id, String::new(), origin.now) };
        self.fill(&mut todo, &fields, line);
        todo.ical = Some(CalendarText { text: object.text().to_owned(), version: 1 });
        let parent = fields.parent_uid.filter(|parent| uid.as_ref() != Some(parent));
        todo.parent_id = parent.as_deref().map(|parent| id_of(origin, parent));
        let completed = |uid: &String| completed_occurrences(&mut todo, object, uid, origin);
        let records = uid.as_ref().map(completed).unwrap_or_default();
        todo.calendar = Some(CalendarNames { uid, list: list_id, name: None, parent });
        self.draft.plan.add_todo(line, todo)?;
        for record in records {
            self.draft.plan.add_todo(line, record)?;
        }
        Ok(())
    }

    fn fill(&mut self, todo: &mut Todo, fields: &Fields, line: usize) {
        let (origin, input) = (self.draft.origin, fields.input());
        if todo.apply(input.clone(), origin.now).is_err() {
            self.draft.plan.warnings.add(line, "The due date cannot be read. The calendar text keeps it.");
            let without = TodoInput { due: None, recurrence: None, ..input };
            // Nothing else can be refused.
            let _ = todo.apply(without, origin.now);
        }
        todo.completed_at = todo.completed_at.map(|time| origin.past(time));
        todo.created_at = fields.created_at.map_or(origin.now, |time| origin.past(time));
        todo.updated_at = todo.completed_at.unwrap_or(todo.created_at);
    }
}

/// A UID that is an id is that of a todo that no calendar client has written.
fn id_of(origin: Origin, uid: &str) -> ObjectId {
    object_id::parse(uid).unwrap_or_else(|| origin.id(&format!("ical:{uid}")))
}

/// Takes occurrences that have a component of their own and are completed out of the series. Returns their records.
fn completed_occurrences(todo: &mut Todo, object: &Object, uid: &str, origin: Origin) -> Vec<Todo> {
    let mut records = Vec::new();
    if object.overrides_len() == 0 || todo.recurrence.is_none() || todo.completed {
        return records;
    }
    let shown = Shown { todo, uid, parent_uid: None, series_uid: None, order: None };
    let stored = Stored { text: object.text(), version: 1 };
    let meant = meaning(&shown, Some(&stored), object, origin.zone, origin.now);
    let is_done = meant.input.completed == Some(true);
    let first = is_done.then(|| (meant.input.completed_at, meant.record_text.unwrap_or_default()));
    let more = meant.more.into_iter().map(|completion| (completion.at, completion.text));
    if todo.apply(TodoInput { completed: None, completed_at: None, ..meant.input }, origin.now).is_err() {
        return records;
    }
    let id = |todo: &Todo| {
        let due = todo.due.as_ref().map(crate::todos::due::Due::local_key).unwrap_or_default();
        origin.id(&format!("ical:{uid}\0{due}"))
    };
    let with_text =
        |text: String| Some(CalendarText { text, version: 1 }).filter(|ical| !ical.text.is_empty());
    for ahead in &meant.ahead {
        let record = ahead.record(todo, todo.id, String::new(), origin.now);
        records.push(Todo { id: id(&record), ical: with_text(ahead.completion.text.clone()), ..record });
    }
    for (at, text) in first.into_iter().chain(more) {
        let at = at.map_or(origin.now, |at| origin.past(at));
        let record = todo.record(id(todo), String::new(), origin.now);
        let (completed, completed_at) = (true, Some(at));
        todo.advance(record.id, Reason::Completed, at, origin.zone);
        records.push(Todo { completed, completed_at, ical: with_text(text), ..record });
    }
    todo.history = None;
    todo.ical = with_text(meant.text);
    records
}

fn refused(Broken { line, refusal }: Broken, path: Option<&str>) -> Refusal {
    let of_file = path.map_or_else(|| "Line".to_owned(), |path| format!("`{path}`, line"));
    if refusal == icalendar::Refusal::TooLarge {
        let detail = format!("{of_file} {line}: A file can have at most {TODOS_MAX} todos.");
        return Violation::of_whole("too_many", detail).into();
    }
    Violation::of_whole("malformed", format!("{of_file} {line}: {}", refusal.detail())).into()
}
