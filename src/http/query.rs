//! Reads query parameters strictly: one error lists every violation, including unknown and repeated parameters.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use super::fields::pointer_token;
use crate::error::{Error, Violation, Violations};

pub trait FromParams: Sized {
    /// Takes the known parameters. Returns `None` only after it recorded a violation.
    fn take(params: &mut Params) -> Option<Self>;
}

impl FromParams for () {
    fn take(_: &mut Params) -> Option<Self> {
        Some(())
    }
}

pub struct Params {
    uri: Uri,
    remaining: Vec<(String, String)>,
    violations: Violations,
    /// Whether a `+` in the query stands for a space.
    has_plus: bool,
}

const PLUS_IS_SPACE: &str = "An unescaped `+` in a query is a space: send `%2B`.";

// No route has more than twenty parameters, and one of them may occur 50 times.
const PARAMETERS_MAX: usize = 200;

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::new(parts.uri.clone()))
    }
}

/// The decoded names and values (`application/x-www-form-urlencoded`), in their order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

impl Params {
    pub fn new(uri: Uri) -> Self {
        let pairs = pairs(uri.query().unwrap_or_default());
        let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let mut remaining: Vec<_> = pairs.take(PARAMETERS_MAX + 1).collect();
        let mut violations = Violations::default();
        if remaining.len() > PARAMETERS_MAX {
            remaining.clear();
            let detail = format!("Send at most {PARAMETERS_MAX} query parameters.");
            violations.push(Violation::of_whole("too_many", detail));
        }
        let has_plus = uri.query().is_some_and(|query| query.contains('+'));
        Self { uri, remaining, violations, has_plus }
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.take_all(name);
        if values.len() > 1 {
            return self.reject(Violation::of(name, "repeated", "Send this parameter at most once."));
        }
        values.pop()
    }

    pub fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        violation: impl FnOnce() -> Violation,
    ) -> Option<T> {
        let text = self.take(name)?;
        parse(&text).or_else(|| {
            let mut violation = violation();
            if self.has_plus && text.contains(' ') {
                violation.detail = format!("{} {PLUS_IS_SPACE}", violation.detail);
            }
            self.reject(violation)
        })
    }

    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        self.remaining.extract_if(.., |(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// Always returns `None`, so that a caller can return the result.
    pub fn reject<T>(&mut self, violation: Violation) -> Option<T> {
        self.violations.push(violation);
        None
    }

    pub fn read<T: FromParams>(mut self) -> Result<T, Error> {
        let value = T::take(&mut self);
        self.finish(value)
    }

    /// Returns `value`, unless a violation was recorded or a parameter remains.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Error> {
        // An unknown parameter that is repeated is one violation.
        self.remaining.sort();
        self.remaining.dedup_by(|(a, _), (b, _)| a == b);
        self.violations.extend(self.remaining.iter().map(|(name, _)| {
            Violation::of(&pointer_token(name), "unknown_parameter", "Unknown parameter. Check its spelling.")
        }));
        match value {
            Some(value) if self.violations.all().is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.violations.into_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Filter {
        done: Option<bool>,
        tags: Vec<String>,
    }

    impl FromParams for Filter {
        fn take(params: &mut Params) -> Option<Self> {
            let violation = || Violation::of("done", "not_a_boolean", "Must be `true` or `false`.");
            let done = params.parse("done", |text| text.parse().ok(), violation);
            Some(Self { done, tags: params.take_all("tag") })
        }
    }

    fn read(query: &str) -> Result<Filter, Vec<(String, &'static str)>> {
        let params = Params::new(format!("/things{query}").parse().unwrap());
        params.read().map_err(|error| match error {
            Error::Invalid(violations) => violations.into_iter().map(|one| (one.pointer, one.code)).collect(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn parameters_are_decoded_and_may_be_absent() {
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(read(""), Ok(Filter { done: None, tags: Vec::new() }));
        assert_eq!(read("?"), read(""));
        assert_eq!(
            read("?tag=a+b&d%6Fne=true&&tag=%C3%A9%26&tag"),
            Ok(Filter { done: Some(true), tags: tags(&["a b", "\u{e9}&", ""]) })
        );
    }

    #[test]
    fn one_error_lists_every_violation() {
        let violations = read("?x=1&done=maybe&x=2&a/b~=3").unwrap_err();
        let expected =
            [("/done", "not_a_boolean"), ("/a~1b~0", "unknown_parameter"), ("/x", "unknown_parameter")];
        assert_eq!(violations, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        assert_eq!(read("?done=true&done=true").unwrap_err(), [("/done".to_owned(), "repeated")]);
    }
}
