//! The fields of a form (`application/x-www-form-urlencoded`).

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use secrecy::SecretString;

use crate::error::Error;
use crate::http::body;
use crate::http::query::pairs;

const FORM: &str = "application/x-www-form-urlencoded";

// No form of the pages has ten.
const FIELDS_MAX: usize = 32;

pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Empty if the form has no such field.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn secret(&self, name: &str) -> SecretString {
        self.get(name).into()
    }

    /// A check box, or the button that sent the form.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn without(self, name: &str) -> Vec<(String, String)> {
        self.0.into_iter().filter(|(known, _)| known != name).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type =
            media_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_owned();
        let body = body::body(request).await?;
        // A form without fields has no type.
        if !body.is_empty() && !media_type.eq_ignore_ascii_case(FORM) {
            return Err(Error::UnsupportedMediaType { accept_patch: None });
        }
        let text = String::from_utf8_lossy(&body);
        let fields = pairs(&text).take(FIELDS_MAX);
        Ok(Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()))
    }
}
