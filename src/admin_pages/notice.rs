//! The message that the page after a redirect shows. A cookie carries it, because an address could be sent by anyone.

use super::texts::Texts;
use crate::web::cookies::CookieKind;

const SHOWN_WITHIN_SECONDS: u32 = 60;

pub(crate) const NOTICE_COOKIE: CookieKind =
    CookieKind::new("todo_admin_notice", "/admin", Some(SHOWN_WITHIN_SECONDS));

macro_rules! notices {
    ($($name:ident: $text:ident;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Notice { $($name),* }

        impl Notice {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// As it is in the cookie.
            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$name => stringify!($text)),* }
            }

            pub(crate) fn text(self, texts: &Texts) -> &'static str {
                match self { $(Self::$name => texts.$text),* }
            }
        }
    };
}

notices! {
    Created: done_created;
    Disabled: done_disabled;
    Enabled: done_enabled;
    Admin: done_admin;
    NotAdmin: done_not_admin;
    Password: done_password;
    Deleted: done_deleted;
    SessionEnded: done_session_ended;
    SessionsEnded: done_sessions_ended;
    TokenEnded: done_token_ended;
    TokensEnded: done_tokens_ended;
    Blocked: done_blocked;
    Unblocked: done_unblocked;
    SignedOut: done_signed_out;
    OwnSessionEnded: session_ended;
}

impl Notice {
    pub(crate) fn read(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|notice| notice.code() == code)
    }

    pub(crate) fn is_good(self) -> bool {
        self != Self::OwnSessionEnded
    }
}
