//! The resource that a todo is for calendar clients.

use super::calendar::{LEFT_MAX, Left, default_name};
use super::model::Todo;

impl Todo {
    pub fn uid(&self) -> String {
        self.calendar.as_ref().and_then(|names| names.uid.clone()).unwrap_or_else(|| self.id.to_hex())
    }

    pub fn resource_name(&self) -> String {
        self.chosen_name().map_or_else(|| default_name(self.id), str::to_owned)
    }

    /// The name that a client has chosen for the todo in the list where it is.
    fn chosen_name(&self) -> Option<&str> {
        let names = self.calendar.as_ref().filter(|names| names.list == self.list_id)?;
        names.name.as_deref()
    }

    /// Whether a client has given a name that is not valid in the list where the todo is now.
    pub fn has_stray_name(&self) -> bool {
        self.calendar.as_ref().is_some_and(|names| names.uid.is_some() && names.list != self.list_id)
    }

    /// Remembers the resource that the todo was before a change.
    pub(super) fn leave(&mut self, before: &Self) {
        let (old, new) = ((before.list_id, before.chosen_name()), (self.list_id, self.chosen_name()));
        if old == new {
            return;
        }
        let left = Left { list: before.list_id, name: before.chosen_name().map(str::to_owned) };
        self.left.retain(|known| *known != left);
        if self.left.len() >= LEFT_MAX {
            self.left.remove(0);
        }
        self.left.push(left);
    }
}
