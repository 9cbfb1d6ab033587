//! Reading what a client sent, strictly. Must not know what the members mean.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;

/// The largest body, in bytes: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The bytes of a body.
///
/// # Errors
/// [`Error::BodyTooLarge`]; [`Error::MalformedJson`] when the client broke off.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Error::BodyTooLarge,
        _ => Error::MalformedJson("the body breaks off".to_owned()),
    })
}

/// Whether a body says that it is JSON: `application/json` or `application/*+json` (RFC 6839 §3.1).
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// A JSON object: its members in order, each name once, the values still as they were written.
pub struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Reads an object, and nothing but one.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], also for a member that comes twice (RFC 8259 §4 leaves open which would count).
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|error| Error::MalformedJson(error.to_string()))
    }

    /// The value of a member, as written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                let mut names = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("the member `{name}` comes twice")));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_and_nothing_else() {
        let members = Members::parse(br#" {"a": 1.50, "b": "x"} "#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "1.50");
        assert!(members.get("c").is_none());
        let odd: [&[u8]; 9] = [
            b"",
            b"[]",
            b"1",
            b"{",
            b"{}{}",
            b"{\"a\":NaN}",
            b"{\"a\":1,\"a\":1}",
            b"\xff\xfe{\0}\0",
            b"{\"\xff\":1}",
        ];
        for odd in odd {
            assert!(Members::parse(odd).is_err(), "{}", String::from_utf8_lossy(odd));
        }
    }
}
