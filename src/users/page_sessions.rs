//! Signing in to the admin pages, and the password that they ask for again.

use secrecy::SecretString;

use super::operations::{Accounts, ClientInfo};
use crate::audit::store::Event;
use crate::auth::token::{Claims, Role};
use crate::error::Error;

impl Accounts {
    /// Returns the token. `new` replaces a password that is for one use. Fails with [`Error::Forbidden`] if the password is
    /// right and the user is no admin.
    pub async fn sign_in_to_pages(
        &self,
        name: &str,
        password: &SecretString,
        new: Option<&SecretString>,
        client: &ClientInfo,
    ) -> Result<String, Error> {
        let user = self.users.find_by_name(name).await?;
        let user = self.verify_password(name, user, password, client).await?;
        if !user.roles.contains(&Role::Admin) {
            return Err(Error::Forbidden);
        }
        let user = self.replace_one_time_password(user, password, new, client).await?;
        let (token, session_id) = self.auth.open_page_session(user.subject(), client.ip()).await?;
        self.record_event(Event::Login, &user, Some(session_id), client).await;
        Ok(token)
    }

    /// Returns a token that says that the password was just given.
    pub async fn confirm_password(
        &self,
        claims: &Claims,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<String, Error> {
        let (user, session) = self.require_live_session(claims).await?;
        let name = user.username.clone();
        let user = self.verify_password(&name, Some(user), password, client).await?;
        self.auth.renew_page_token(claims, &session, user.subject(), true)
    }

    /// Returns a token that is valid for longer.
    pub async fn renew_page_token(&self, claims: &Claims) -> Result<String, Error> {
        let (user, session) = self.require_live_session(claims).await?;
        self.auth.renew_page_token(claims, &session, user.subject(), false)
    }
}
