//! What the templates in `templates/admin/` show.

use askama::Template;
use bson::DateTime;

use super::notice::Notice;
use super::store::Counts;
use super::texts::{Texts, fill};
use super::wording;
use crate::access_tokens::model::AccessToken;
use crate::admin::model::ManagedUser;
use crate::audit::store::AuditEntry;
use crate::auth::store::{LISTED_MAX, Session};
use crate::auth::token::Role;
use crate::crypto::random_id::RandomId;
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

    fn filled<T: Copy + TryInto<u64>>(&self, text: &str, number: &T) -> String {
        fill(text, self.number(number))
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
    /// As in the filter of the audit.
    pub(crate) today: String,
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
    pub(crate) tokens: Vec<AccessToken>,
    pub(crate) now: DateTime,
    /// The session of this page.
    pub(crate) current: RandomId,
    pub(crate) suggestion: String,
    pub(crate) error: Option<&'static str>,
    pub(crate) details: Vec<String>,
}

impl UserPage {
    fn has_expired(&self, token: &AccessToken) -> bool {
        token.expires_at.is_some_and(|expires_at| expires_at <= self.now)
    }

    #[expect(clippy::unused_self, reason = "templates call methods of the page")]
    fn device<'a>(&self, session: &'a Session) -> &'a str {
        session.device.as_deref().unwrap_or("–")
    }

    #[expect(clippy::unused_self, reason = "templates call methods of the page")]
    fn scopes(&self, token: &AccessToken) -> String {
        token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
    }

    fn has_more_sessions(&self) -> bool {
        i64::try_from(self.sessions.len()).is_ok_and(|sessions| sessions >= LISTED_MAX)
    }
}

#[derive(Template)]
#[template(path = "admin/delete_user.html")]
pub(crate) struct DeleteUserPage {
    pub(crate) page: Page,
    pub(crate) user: UserView,
    pub(crate) token_count: usize,
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
        wording::events(self.page.t)
    }

    fn event<'a>(&self, event: &'a str) -> &'a str {
        wording::event(event, self.page.t)
    }

    fn role(&self, roles: &[Role]) -> &'static str {
        if roles.contains(&Role::Admin) { self.page.t.admin } else { self.page.t.user }
    }
}
