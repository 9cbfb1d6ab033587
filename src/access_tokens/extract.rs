//! Verifies the personal access token of a request, for the extractors in [`crate::auth::extract`].

use axum::extract::Request;

use super::operations::AccessTokens;
use super::text::TokenDigest;
use crate::auth::extract::{self, AccessTokenGrant, address_key, bearer};
use crate::auth::operations::Auth;
use crate::http::client::ClientKey;
use crate::http::client_address::ClientAddress;

#[derive(Clone, Copy)]
struct PresentedToken(TokenDigest);

/// Like [`extract::identify`], also for requests with a personal access token. Such a request counts for its user if this
/// instance has verified the token before, and otherwise for its address: nobody can claim the share of another user.
pub fn identify(tokens: &AccessTokens, auth: &Auth, request: &mut Request) -> ClientKey {
    let digest = bearer(request.headers()).ok().and_then(TokenDigest::of);
    // A text with a typing error is refused like any other text that is not a token.
    let Some(digest) = digest else { return extract::identify(auth, request) };
    let known = tokens.known(&digest).map(|grant| ClientKey::User(grant.user_id));
    let client = known.unwrap_or_else(|| address_key(request));
    request.extensions_mut().insert(PresentedToken(digest));
    request.extensions_mut().insert(client);
    client
}

/// May ask the database, so the request must have a slot.
pub async fn authenticate(tokens: &AccessTokens, request: &mut Request) {
    let Some(PresentedToken(digest)) = request.extensions_mut().remove() else { return };
    let address = request.extensions().get().copied().unwrap_or(ClientAddress::new(None));
    let grant = tokens.verify(digest, address).await;
    request.extensions_mut().insert(AccessTokenGrant(grant));
}
