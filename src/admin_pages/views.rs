//! What the templates in `templates/admin/` show.

use askama::Template;
use bson::DateTime;

use super::notice::Notice;
use super::store::Counts;
use super::texts::{Texts, fill};
use crate::admin::model::ManagedUser;
use crate::audit::store::AuditEntry;
use crate::auth::store::{LISTED_MAX, Session};
use crate::auth::token::Role;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Violation};
use crate::web::assets;
use crate::web::language::Language;

/// The frame of a page.
pub(crate) struct Page {
    pub(crate) language: Language,
    pub(crate) t: &'static Texts,
    pub(crate) title: String,
    pub(crate) section: Section,
    /// The folder of stylesheets and icons.
    pub(crate) assets: String,
    /// The name of the admin.
    pub(crate) user: Option<String>,
    pub(crate) notice: Option<Notice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    None,
    Overview,
    Users,
    Audit,
}

impl Page {
    pub(crate) fn anonymous(language: Language, title: &str, section: Section) -> Self {
        let (t, title) = (Texts::of(language), title.to_owned());
        let assets = format!("/assets/{}", assets::VERSION);
        Self { language, t, title, section, assets, user: None, notice: None }
    }

    fn sections(&self) -> [(&'static str, &'static str, bool); 3] {
        let entry = |path, text, section| (path, text, self.section == section);
        [
            entry("/admin", self.t.overview, Section::Overview),
            entry("/admin/users", self.t.users, Section::Users),
            entry("/admin/audit", self.t.audit, Section::Audit),
        ]
    }

    fn signed_in_as(&self) -> String {
        fill(self.t.signed_in_as, self.user.as_deref().unwrap_or_default())
    }

    fn number<T: Copy + TryInto<u64>>(&self, number: &T) -> String {
        self.language.number((*number).try_into().unwrap_or_default())
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn time(&self, time: &DateTime) -> Time {
        Time { iso: time.try_to_rfc3339_string().unwrap_or_default(), text: self.language.time(*time) }
    }
}

/// `<time>`, which a program can read too.
#[derive(Template)]
#[template(source = r#"<time datetime="{{ iso }}">{{ text }}</time>"#, ext = "html")]
struct Time {
    iso: String,
    text: String,
}

#[derive(Template)]
#[template(path = "admin/error.html")]
pub(crate) struct ErrorPage {
    pub(crate) page: Page,
    pub(crate) text: &'static str,
    pub(crate) details: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) page: Page,
    pub(crate) username: String,
    pub(crate) next: String,
    pub(crate) wants_new_password: bool,
    pub(crate) error: Option<&'static str>,
    pub(crate) details: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(crate) struct ConfirmPage {
    pub(crate) page: Page,
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) error: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
pub(crate) struct OverviewPage {
    pub(crate) page: Page,
    pub(crate) version: &'static str,
    pub(crate) database_version: String,
    pub(crate) counts: Counts,
    pub(crate) last_backup: Option<DateTime>,
    pub(crate) revocations: usize,
    /// In seconds.
    pub(crate) revocations_age: Option<u64>,
}

impl OverviewPage {
    fn age(&self) -> String {
        self.revocations_age
            .map_or(self.page.t.not_known.to_owned(), |age| fill(self.page.t.seconds_ago, age))
    }
}

#[derive(Template)]
#[template(path = "admin/users.html")]
pub(crate) struct UsersPage {
    pub(crate) page: Page,
    pub(crate) search: String,
    pub(crate) state: String,
    pub(crate) role: String,
    pub(crate) users: Vec<UserView>,
    pub(crate) first: Option<String>,
    pub(crate) next: Option<String>,
}

pub(crate) struct UserView {
    pub(crate) managed: ManagedUser,
    pub(crate) is_self: bool,
}

impl UserView {
    fn id(&self) -> String {
        self.managed.user.id.to_hex()
    }

    /// Names from the original may be empty.
    fn name(&self) -> &str {
        Some(&*self.managed.user.username).filter(|name| !name.trim().is_empty()).unwrap_or("–")
    }

    fn email(&self) -> &str {
        self.managed.user.email.as_deref().unwrap_or("–")
    }

    fn is_admin(&self) -> bool {
        self.managed.user.roles.contains(&Role::Admin)
    }

    fn is_disabled(&self) -> bool {
        self.managed.user.disabled_at.is_some()
    }
}

#[derive(Template)]
#[template(path = "admin/user.html")]
pub(crate) struct UserPage {
    pub(crate) page: Page,
    pub(crate) user: UserView,
    pub(crate) sessions: Vec<Session>,
    /// The session of this page.
    pub(crate) current: RandomId,
    pub(crate) suggestion: String,
    pub(crate) error: Option<&'static str>,
    pub(crate) details: Vec<String>,
}

impl UserPage {
    fn has_more_sessions(&self) -> bool {
        i64::try_from(self.sessions.len()).is_ok_and(|sessions| sessions >= LISTED_MAX)
    }
}

#[derive(Template)]
#[template(path = "admin/delete_user.html")]
pub(crate) struct DeleteUserPage {
    pub(crate) page: Page,
    pub(crate) user: UserView,
}

#[derive(Template)]
#[template(path = "admin/new_user.html")]
pub(crate) struct NewUserPage {
    pub(crate) page: Page,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) is_admin: bool,
    pub(crate) is_one_time: bool,
    pub(crate) error: Option<&'static str>,
    pub(crate) details: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/audit.html")]
pub(crate) struct AuditPage {
    pub(crate) page: Page,
    pub(crate) user: String,
    pub(crate) event: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) entries: Vec<AuditEntry>,
    pub(crate) first: Option<String>,
    pub(crate) next: Option<String>,
}

impl AuditPage {
    fn events(&self) -> Vec<(&'static str, &'static str)> {
        EVENTS.iter().map(|(event, text)| (*event, text(self.page.t))).collect()
    }

    fn event_text<'a>(&self, event: &'a str) -> &'a str {
        let known = EVENTS.iter().find(|(known, _)| *known == event);
        known.map_or(event, |(_, text)| text(self.page.t))
    }
}

type TextOf = fn(&'static Texts) -> &'static str;

/// The events of the audit. One that a newer version stored is shown as it is stored.
const EVENTS: &[(&str, TextOf)] = &[
    ("register", |t| t.ev_register),
    ("login", |t| t.ev_login),
    ("login_failed", |t| t.ev_login_failed),
    ("refresh_reuse", |t| t.ev_refresh_reuse),
    ("logout", |t| t.ev_logout),
    ("sessions_ended", |t| t.ev_sessions_ended),
    ("session_blocked", |t| t.ev_session_blocked),
    ("session_unblocked", |t| t.ev_session_unblocked),
    ("password_changed", |t| t.ev_password_changed),
    ("token_created", |t| t.ev_token_created),
    ("token_new_network", |t| t.ev_token_new_network),
    ("tokens_ended", |t| t.ev_tokens_ended),
    ("disabled", |t| t.ev_disabled),
    ("enabled", |t| t.ev_enabled),
    ("roles_changed", |t| t.ev_roles_changed),
    ("deleted", |t| t.ev_deleted),
    ("backed_up", |t| t.ev_backed_up),
];

/// The violations of an input, each as a sentence.
pub(crate) fn violation_texts(error: &Error, language: Language) -> Vec<String> {
    let Error::Invalid(violations) = error else { return Vec::new() };
    violations.iter().map(|violation| violation_text(violation, Texts::of(language))).collect()
}

fn violation_text(violation: &Violation, t: &Texts) -> String {
    let is_password = violation.pointer.ends_with("password");
    let text = match violation.code {
        "too_short" | "too_long" if is_password => t.bad_password_length,
        "too_short" | "too_long" => t.bad_username_length,
        "too_common" => t.bad_password_common,
        "same_as_username" => t.bad_password_username,
        "invisible" => t.bad_username_characters,
        "not_an_address" => t.bad_email,
        "not_new" => t.bad_password_not_new,
        _ => &violation.detail,
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::store::Event;

    #[test]
    fn every_event_of_the_audit_has_a_text() {
        // The error lists the known events.
        let error = serde_json::from_value::<Event>("".into()).unwrap_err().to_string();
        let known: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(EVENTS.iter().map(|(event, _)| *event).collect::<Vec<_>>(), known);
    }
}
