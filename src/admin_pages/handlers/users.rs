//! The list of users, one user, and a new user.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use bson::oid::ObjectId;

use crate::admin::model::{ManagedUser, with_user_role};
use crate::admin::operations::Administration;
use crate::admin_pages::confirm::Confirmed;
use crate::admin_pages::extract::PageAdmin;
use crate::admin_pages::filters::{Filters, PAGE_ITEMS};
use crate::admin_pages::form::Form;
use crate::admin_pages::notice::Notice;
use crate::admin_pages::render::{html, html_with_status};
use crate::admin_pages::texts::{Texts, fill};
use crate::admin_pages::views::{DeleteUserPage, NewUserPage, Section, UserPage, UserView, UsersPage};
use crate::admin_pages::wording::{error_text, violation_texts};
use crate::auth::token::Role;
use crate::crypto::random_id::random_bytes;
use crate::error::Error;
use crate::http::path::UserId;
use crate::users::model::{LIMITS, NewUser};
use crate::users::operations::Accounts;

/// `GET /admin/users`
pub(crate) async fn list(
    State(administration): State<Arc<Administration>>,
    admin: PageAdmin,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let filters = Filters::read(query.as_deref());
    let mut users =
        administration.users(&filters.users(), filters.last_user().as_ref(), PAGE_ITEMS + 1).await?;
    let has_more = users.len() > usize::try_from(PAGE_ITEMS).unwrap_or_default();
    users.truncate(usize::try_from(PAGE_ITEMS).unwrap_or_default());
    let last = users.last().filter(|_| has_more).map(|last| last.user.username_key.clone());
    Ok(html(&UsersPage {
        page: admin.page(Texts::of(admin.visit.language).users, Section::Users),
        search: filters.get("q").to_owned(),
        state: filters.get("state").to_owned(),
        role: filters.get("role").to_owned(),
        first: filters.last_user().map(|_| filters.address("/admin/users", &[("after", String::new())])),
        next: last.map(|last| filters.address("/admin/users", &[("after", last)])),
        users: users.into_iter().map(|managed| view(&admin, managed)).collect(),
    }))
}

/// `GET /admin/users/{id}`
pub(crate) async fn show(
    State(administration): State<Arc<Administration>>,
    admin: PageAdmin,
    UserId(id): UserId,
) -> Result<Response, Error> {
    Ok(html(&user_page(&administration, &admin, id).await?))
}

/// The page of a user again, because of an error in one of its forms.
pub(super) async fn show_again(
    administration: &Administration,
    admin: &PageAdmin,
    id: ObjectId,
    error: Error,
) -> Result<Response, Error> {
    let language = admin.visit.language;
    let page = UserPage {
        error: Some(error_text(language, &error)),
        details: violation_texts(&error, language),
        ..user_page(administration, admin, id).await?
    };
    Ok(html_with_status(&page, &error))
}

async fn user_page(
    administration: &Administration,
    admin: &PageAdmin,
    id: ObjectId,
) -> Result<UserPage, Error> {
    let user = view(admin, administration.user(id).await?);
    Ok(UserPage {
        page: admin.page(&user.managed.user.username, Section::Users),
        sessions: administration.sessions(id).await?,
        tokens: administration.tokens(id).await?,
        now: administration.clock.now(),
        user,
        current: admin.claims.sid,
        suggestion: suggested_password(),
        error: None,
        details: Vec::new(),
    })
}

/// `GET /admin/users/{id}/delete`
pub(crate) async fn ask_to_delete(
    State(administration): State<Arc<Administration>>,
    admin: PageAdmin,
    UserId(id): UserId,
) -> Result<Response, Error> {
    let user = view(&admin, administration.user(id).await?);
    let title = fill(Texts::of(admin.visit.language).delete_title, &user.managed.user.username);
    let token_count = administration.tokens(id).await?.len();
    Ok(html(&DeleteUserPage { page: admin.page(&title, Section::Users), user, token_count }))
}

/// `GET /admin/users/new`
pub(crate) async fn ask_for_new(admin: PageAdmin) -> Response {
    let page = new_user_page(&admin);
    html(&NewUserPage { password: suggested_password(), is_one_time: true, ..page })
}

/// `POST /admin/users/new`
pub(crate) async fn create(
    State(accounts): State<Arc<Accounts>>,
    Confirmed { admin, form }: Confirmed,
) -> Result<Response, Error> {
    match create_from(&accounts, &admin, &form).await {
        Ok(id) => {
            admin.visit.announce(Notice::Created);
            Ok(Redirect::to(&format!("/admin/users/{id}")).into_response())
        }
        Err(error @ (Error::Invalid(_) | Error::UsernameTaken)) => {
            let language = admin.visit.language;
            let page = NewUserPage {
                username: form.get("username").to_owned(),
                email: form.get("email").to_owned(),
                password: form.get("password").to_owned(),
                is_admin: form.has("admin"),
                is_one_time: form.has("one_time"),
                error: Some(error_text(language, &error)),
                details: violation_texts(&error, language),
                ..new_user_page(&admin)
            };
            Ok(html_with_status(&page, &error))
        }
        Err(error) => Err(error),
    }
}

async fn create_from(accounts: &Accounts, admin: &PageAdmin, form: &Form) -> Result<ObjectId, Error> {
    let email = Some(form.get("email").trim().to_owned()).filter(|email| !email.is_empty());
    let (username, password) = (form.get("username").to_owned(), form.get("password").to_owned());
    let new = NewUser::parse(username, password, email, LIMITS).map_err(Error::Invalid)?;
    let roles = if form.has("admin") { vec![Role::Admin] } else { Vec::new() };
    let new = new.with_access(with_user_role(&roles), form.has("one_time"));
    Ok(accounts.create(new, &admin.client).await?.id)
}

fn new_user_page(admin: &PageAdmin) -> NewUserPage {
    NewUserPage {
        page: admin.page(Texts::of(admin.visit.language).new_user, Section::Users),
        username: String::new(),
        email: String::new(),
        password: String::new(),
        is_admin: false,
        is_one_time: false,
        error: None,
        details: Vec::new(),
    }
}

fn view(admin: &PageAdmin, managed: ManagedUser) -> UserView {
    UserView { is_self: managed.user.id == admin.administrator.user.id, managed }
}

/// 80 random bits in groups that can be read aloud: without letters and digits that look alike.
fn suggested_password() -> String {
    const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let bytes: [u8; 16] = random_bytes();
    let character = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    let groups: Vec<String> = bytes.chunks(4).map(|group| group.iter().map(character).collect()).collect();
    groups.join("-")
}
