//! What every page for browsers needs: files with long lifetimes, cookies, languages, and the check of where a
//! form was sent from. Also the pages of the web client, and its sign-in: its refresh token is in a cookie that no script
//! can read, and `/v1` accepts no cookie.

pub mod assets;
pub mod cookies;
pub(crate) mod extract;
pub(crate) mod handlers;
pub mod language;
pub mod same_origin;
pub(crate) mod session_cookie;
pub(crate) mod wire;
