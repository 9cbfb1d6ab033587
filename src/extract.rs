//! Reading what a client sent, strictly. Must not know what the members mean.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bson::oid::ObjectId;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Fault};
use crate::id;

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

    fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let position = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(position).1)
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

/// How deep objects and arrays may lie in each other.
const DEPTH_MAX: usize = 32;

/// A body that has been read and found right before the handler runs.
pub struct JsonBody<T>(pub T);

/// What a body is read into, member by member.
pub trait FromMembers: Sized {
    /// Takes the members that this knows from `input`. `None` only after a fault was noted.
    fn take(input: &mut Input) -> Option<Self>;
}

/// The members of a body that have not been taken yet, and the faults so far: all are told at once.
pub struct Input {
    members: Members,
    faults: Vec<Fault>,
}

impl Input {
    /// A member that must be there and be text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name) {
            Some(Some(text)) => Some(text),
            Some(None) => self.fault(Fault::of(name, "required", "This member cannot be null.")),
            None if self.faults.iter().any(|fault| fault.pointer[1..] == *name) => None,
            None => self.fault(Fault::of(name, "required", "This member is required.")),
        }
    }

    /// A member that may be absent (`None`) or null (`Some(None)`), and else is text.
    pub fn optional_text(&mut self, name: &str) -> Option<Option<String>> {
        let value = self.members.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(text) => Some(text),
            Err(_) => self.fault(Fault::of(name, "not_text", "This member must be text.")),
        }
    }

    /// As [`Input::optional_text`], for any form; `code` and `detail` are told of another.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: &str,
    ) -> Option<Option<T>> {
        let value = self.members.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(value) => Some(value),
            Err(_) => self.fault(Fault::of(name, code, detail)),
        }
    }

    /// A member that may be absent, and else is text.
    pub fn given_text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name)? {
            Some(text) => Some(text),
            None => self.fault(Fault::of(name, "required", "This member cannot be null.")),
        }
    }

    /// A member that may be absent or null, and else is true or false.
    pub fn flag(&mut self, name: &str) -> Option<Option<bool>> {
        self.optional(name, "not_a_boolean", "This member must be true or false.")
    }

    /// A member that may be absent or null, and else is an id.
    pub fn id(&mut self, name: &str) -> Option<Option<ObjectId>> {
        self.parsed(name, id::object_id, || {
            Fault::of(name, "not_an_id", "An id has 24 lower-case hex digits.")
        })
    }

    /// A member that may be absent or null, and else is text of which `parse` makes something.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        fault: impl FnOnce() -> Fault,
    ) -> Option<Option<T>> {
        match self.optional_text(name)? {
            None => Some(None),
            Some(text) => self.check(parse(&text), fault).map(Some),
        }
    }

    /// A member that may be absent or null, and else is an object with members of its own.
    pub fn object<T: FromMembers>(&mut self, name: &str) -> Option<Option<T>> {
        let value = self.members.take(name)?;
        if value.get() == "null" {
            return Some(None);
        }
        let Ok(members) = Members::parse(value.get().as_bytes()) else {
            let detail = "This member must be an object that has each of its members once.";
            return self.fault(Fault::of(name, "not_an_object", detail));
        };
        match Self::read(members) {
            Ok(object) => Some(Some(object)),
            Err(faults) => {
                let inside = |fault: Fault| Fault { pointer: format!("/{name}{}", fault.pointer), ..fault };
                self.refuse(faults.into_iter().map(inside).collect())
            }
        }
    }

    /// Refuses members that only the service sets.
    pub fn read_only(&mut self, names: &[&str]) {
        for name in names.iter().filter(|name| self.members.take(name).is_some()).collect::<Vec<_>>() {
            self.fault::<()>(Fault::of(name, "read_only", "The service alone sets this member."));
        }
    }

    /// What a check made, or its fault.
    pub fn checked<T>(&mut self, checked: Result<T, Fault>) -> Option<T> {
        checked.map_or_else(|fault| self.fault(fault), Some)
    }

    /// What is there, or the fault of its missing.
    pub fn check<T>(&mut self, found: Option<T>, fault: impl FnOnce() -> Fault) -> Option<T> {
        self.checked(found.ok_or_else(fault))
    }

    /// Notes a fault.
    pub fn fault<T>(&mut self, fault: Fault) -> Option<T> {
        self.refuse(vec![fault])
    }

    /// Notes faults.
    pub fn refuse<T>(&mut self, faults: Vec<Fault>) -> Option<T> {
        self.faults.extend(faults);
        None
    }

    fn read<T: FromMembers>(members: Members) -> Result<T, Vec<Fault>> {
        let mut input = Self { members, faults: Vec::new() };
        let body = T::take(&mut input);
        let unknown = input.members.0.into_iter();
        input.faults.extend(unknown.map(|(name, _)| {
            Fault::of(&pointer_token(&name), "unknown_member", "This member is not known here.")
        }));
        match body {
            Some(body) if input.faults.is_empty() => Ok(body),
            _ => Err(input.faults),
        }
    }
}

impl<S: Send + Sync, T: FromMembers> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        json(request, state).await.map(|(body, _)| Self(body))
    }
}

/// The JSON body of a request, read into `T`, and as it was sent.
///
/// # Errors
/// [`Error::UnsupportedMediaType`]; [`Error::BodyTooLarge`]; [`Error::MalformedJson`]; [`Error::Invalid`].
pub async fn json<S: Send + Sync, T: FromMembers>(request: Request, state: &S) -> Result<(T, Bytes), Error> {
    if !is_json(request.headers()) {
        return Err(Error::UnsupportedMediaType);
    }
    let body = body(request, state).await?;
    if depth(&body) > DEPTH_MAX {
        return Err(Error::MalformedJson(format!("it is nested more than {DEPTH_MAX} deep")));
    }
    Ok((Input::read(Members::parse(&body)?).map_err(Error::Invalid)?, body))
}

/// A name as a part of a JSON pointer (RFC 6901 §3).
#[must_use]
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// How deep a JSON text is nested, without reading what it says.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
