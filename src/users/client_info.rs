//! Extracts the address of the client for the audit, and applies the rate limits per address before the body is read.
//!
//! **Invariant:** no header is read here. [`ClientAddress`] decides which proxies are trusted.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::operations::{Accounts, ClientInfo};
use crate::error::Error;
use crate::http::admission::Requester;
use crate::http::client_address::ClientAddress;

impl<S: Send + Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let ip = parts.extensions.get::<ClientAddress>().and_then(|client| client.ip());
        let requester = Requester::of_request(&parts.extensions);
        Ok(Self { ip, device: None, requester, by: None, is_operator: false })
    }
}

/// The client of an attempt to use a password. Every attempt counts, even if its body turns out to be invalid.
pub(crate) struct Attempt(pub ClientInfo);

/// The client of an attempt to register. Like [`Attempt`], if registration is open.
pub(crate) struct RegistrationAttempt(pub ClientInfo);

impl<S: Send + Sync> FromRequestParts<S> for Attempt
where
    Arc<Accounts>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Ok(client) = ClientInfo::from_request_parts(parts, state).await;
        Arc::<Accounts>::from_ref(state).admit_attempt(&client)?;
        Ok(Self(client))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RegistrationAttempt
where
    Arc<Accounts>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Ok(client) = ClientInfo::from_request_parts(parts, state).await;
        Arc::<Accounts>::from_ref(state).admit_registration(&client)?;
        Ok(Self(client))
    }
}
