//! Changes of one user: access, password, sessions, access tokens, deletion. Each redirects to the page that shows the result.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bson::oid::ObjectId;

use super::users::show_again;
use crate::admin::model::{GivenPassword, with_user_role};
use crate::admin::operations::Administration;
use crate::admin_pages::confirm::Confirmed;
use crate::admin_pages::extract::PageAdmin;
use crate::admin_pages::notice::Notice;
use crate::auth::token::Role;
use crate::error::Error;
use crate::http::path::{SessionOfUser, TokenOfUser, UserId};
use crate::users::access::{AccessPatch, LastAdmin};

/// `POST /admin/users/{id}/roles`
pub(crate) async fn set_roles(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, form }: Confirmed,
) -> Result<Response, Error> {
    let (given, notice) = match form.get("role") {
        "admin" => (vec![Role::Admin], Notice::Admin),
        _ => (Vec::new(), Notice::NotAdmin),
    };
    let patch = AccessPatch { roles: Some(with_user_role(&given)), disabled: None };
    set_access(&administration, &admin, id, patch, notice).await
}

/// `POST /admin/users/{id}/disable`
pub(crate) async fn disable(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    let patch = AccessPatch { roles: None, disabled: Some(true) };
    set_access(&administration, &admin, id, patch, Notice::Disabled).await
}

/// `POST /admin/users/{id}/enable`
pub(crate) async fn enable(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    let patch = AccessPatch { roles: None, disabled: Some(false) };
    set_access(&administration, &admin, id, patch, Notice::Enabled).await
}

async fn set_access(
    administration: &Administration,
    admin: &PageAdmin,
    id: ObjectId,
    patch: AccessPatch,
    notice: Notice,
) -> Result<Response, Error> {
    let changed = administration.set_access(id, &patch, None, LastAdmin::Stays, &admin.client).await;
    match changed.map_err(Error::from) {
        Ok(_) => Ok(shown(admin, id, notice)),
        Err(error @ Error::LastAdmin) => show_again(administration, admin, id, error).await,
        Err(error) => Err(error),
    }
}

/// `POST /admin/users/{id}/password`
pub(crate) async fn set_password(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, form }: Confirmed,
) -> Result<Response, Error> {
    let given = GivenPassword { password: form.secret("password"), must_change: form.has("one_time") };
    let changed = administration.set_password(id, &given, None, &admin.client).await;
    match changed.map_err(Error::from) {
        Ok(_) => Ok(shown(&admin, id, Notice::Password)),
        Err(error @ Error::Invalid(_)) => show_again(&administration, &admin, id, error).await,
        Err(error) => Err(error),
    }
}

/// `POST /admin/users/{id}/delete`
pub(crate) async fn delete(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    match administration.delete(id, None, &admin.client).await.map_err(Error::from) {
        Ok(()) => {
            admin.visit.announce(Notice::Deleted);
            Ok(Redirect::to("/admin/users").into_response())
        }
        Err(error @ Error::LastAdmin) => show_again(&administration, &admin, id, error).await,
        Err(error) => Err(error),
    }
}

/// `POST /admin/users/{id}/sessions/end`
pub(crate) async fn end_sessions(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.end_sessions(id, &admin.client).await?;
    Ok(shown(&admin, id, Notice::SessionsEnded))
}

/// `POST /admin/users/{id}/sessions/{sid}/end`
pub(crate) async fn end_session(
    State(administration): State<Arc<Administration>>,
    SessionOfUser { user_id, sid }: SessionOfUser,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.end_session(user_id, sid, &admin.client).await?;
    Ok(shown(&admin, user_id, Notice::SessionEnded))
}

/// `POST /admin/users/{id}/sessions/{sid}/block`
pub(crate) async fn block(
    State(administration): State<Arc<Administration>>,
    SessionOfUser { user_id, sid }: SessionOfUser,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.set_blocked(user_id, sid, true, &admin.client).await?;
    Ok(shown(&admin, user_id, Notice::Blocked))
}

/// `POST /admin/users/{id}/sessions/{sid}/unblock`
pub(crate) async fn unblock(
    State(administration): State<Arc<Administration>>,
    SessionOfUser { user_id, sid }: SessionOfUser,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.set_blocked(user_id, sid, false, &admin.client).await?;
    Ok(shown(&admin, user_id, Notice::Unblocked))
}

/// `POST /admin/users/{id}/tokens/end`
pub(crate) async fn end_tokens(
    State(administration): State<Arc<Administration>>,
    UserId(id): UserId,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.end_tokens(id, &admin.client).await?;
    Ok(shown(&admin, id, Notice::TokensEnded))
}

/// `POST /admin/users/{id}/tokens/{tid}/end`
pub(crate) async fn end_token(
    State(administration): State<Arc<Administration>>,
    TokenOfUser { user_id, token_id }: TokenOfUser,
    Confirmed { admin, .. }: Confirmed,
) -> Result<Response, Error> {
    administration.end_token(user_id, token_id, &admin.client).await?;
    Ok(shown(&admin, user_id, Notice::TokenEnded))
}

fn shown(admin: &PageAdmin, id: ObjectId, notice: Notice) -> Response {
    admin.visit.announce(notice);
    Redirect::to(&format!("/admin/users/{id}")).into_response()
}
