//! Todos as iCalendar (RFC 5545), for calendar and reminder apps: the texts that calendar clients see. It cannot hold lists without
//! todos, the colors, descriptions and order of lists, the order of todos, the trash, and where a series began. Each todo names its
//! list in a line that other services ignore.

use super::{Account, Append, ListNames, Part, Rendering};
use crate::error::Error;
use crate::icalendar::{Joined, Listed, Member, Uids};
use crate::owned::State;

pub const RENDERING: Rendering = Rendering {
    name: "icalendar",
    media_type: "text/calendar; charset=utf-8",
    extension: "ics",
    head: |_: Account| Ok(Joined::default().begin(None).into_bytes()),
    append: appending,
    tail: Joined::END.as_bytes(),
    has_calendar_texts: true,
};

fn appending(uids: Uids) -> Append {
    let (mut lists, mut joined) = (ListNames::default(), Joined::default());
    Box::new(move |text, part| {
        match part {
            Part::List(list) => lists.add(*list),
            Part::Todo(todo) if todo.state == State::Live => {
                let list = todo.list_id.map(|id| Listed { id: Some(id), name: lists.of(&todo).to_owned() });
                let object = Member::among(*todo, &uids).text();
                let part = match list {
                    Some(list) => joined.part_of(&object, &list),
                    None => joined.part(&object),
                };
                text.extend(part.into_bytes());
            }
            Part::Todos | Part::Todo(_) => {}
        }
        Ok::<_, Error>(())
    })
}
