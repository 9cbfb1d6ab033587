//! What is not accepted: the bounds of an object, and the reasons why it is refused.

/// Deeper components have no meaning: VCALENDAR, VTODO, VALARM, and parts of an alarm (RFC 9074).
pub const DEPTH_MAX: usize = 8;

/// Unfolded lines of an object.
pub const LINES_MAX: usize = 8_192;

/// Of an object, in bytes.
pub const TEXT_MAX: usize = 128 * 1024;

/// In bytes. Some calendars write UIDs of several hundred.
pub const UID_MAX: usize = 1_024;

/// Occurrences of one todo that have a component of their own.
pub const OVERRIDES_MAX: usize = 100;

/// Why an object cannot be stored (RFC 4791 §5.3.2.1). Everything else is accepted, because clients stop syncing a list when
/// one of its todos is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotCalendar,
    NoTodo,
    NotOneObject,
    TooLarge,
    TooManyOverrides,
}

impl Refusal {
    /// The name of the precondition, in the XML namespace of `CalDAV`.
    pub fn precondition(self) -> &'static str {
        match self {
            Self::NotCalendar => "valid-calendar-data",
            Self::NoTodo => "supported-calendar-component",
            Self::NotOneObject => "valid-calendar-object-resource",
            Self::TooLarge => "max-resource-size",
            Self::TooManyOverrides => "max-instances",
        }
    }

    pub fn detail(self) -> String {
        match self {
            Self::NotCalendar => format!(
                "This must be a complete iCalendar object in UTF-8, with components at most {DEPTH_MAX} deep."
            ),
            Self::NoTodo => "The object must have a VTODO: this service stores todos only.".to_owned(),
            Self::NotOneObject => "The object must have one todo and no METHOD: components of other kinds or with other UIDs are objects of their own.".to_owned(),
            Self::TooLarge => {
                format!("The object must have at most {TEXT_MAX} bytes and {LINES_MAX} lines.")
            }
            Self::TooManyOverrides => {
                format!("At most {OVERRIDES_MAX} occurrences of a todo can have a component of their own.")
            }
        }
    }
}
