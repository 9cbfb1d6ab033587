//! Reading the parameters of a request's query, strictly. Must not know what they mean.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use super::fields::pointer_token;
use crate::error::{Error, Violation};

/// What a query is read into, parameter by parameter.
pub trait FromParams: Sized {
    /// Takes the parameters that this knows from `params`. `None` only after a fault was noted.
    fn take(params: &mut Params) -> Option<Self>;
}

/// For lists that have nothing to choose.
impl FromParams for () {
    fn take(_: &mut Params) -> Option<Self> {
        Some(())
    }
}

/// The parameters of a query that have not been taken yet, and the faults so far: all are told at once.
pub struct Params {
    uri: Uri,
    left: Vec<(String, String)>,
    faults: Vec<Violation>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.clone()))
    }
}

/// The names and values of a query, decoded (`application/x-www-form-urlencoded`), in their order.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

impl Params {
    /// The parameters of a request to `uri`.
    #[must_use]
    pub fn of(uri: Uri) -> Self {
        let left = pairs(uri.query().unwrap_or_default());
        let left = left.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Self { uri, left, faults: Vec::new() }
    }

    /// Where the request went.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// A parameter that comes at most once.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.take_all(name);
        if values.len() > 1 {
            return self.fault(Violation::of(name, "repeated", "This parameter comes once."));
        }
        values.pop()
    }

    /// A parameter that comes at most once, as what `parse` makes of it; the fault, if it makes nothing of it.
    pub fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        fault: impl FnOnce() -> Violation,
    ) -> Option<T> {
        let text = self.take(name)?;
        parse(&text).or_else(|| self.fault(fault()))
    }

    /// Every value of a parameter that may come any number of times, in their order.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        self.left.extract_if(.., |(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// Notes a fault.
    pub fn fault<T>(&mut self, fault: Violation) -> Option<T> {
        self.faults.push(fault);
        None
    }

    /// Reads the whole query.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every fault, each parameter that nobody took among them.
    pub fn read<T: FromParams>(mut self) -> Result<T, Error> {
        let value = T::take(&mut self);
        self.finish(value)
    }

    /// What was read, if it is there and no fault was noted and nothing is left.
    ///
    /// # Errors
    /// As [`Params::read`].
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Error> {
        self.left.sort();
        self.left.dedup_by(|(a, _), (b, _)| a == b);
        self.faults.extend(self.left.iter().map(|(name, _)| {
            Violation::of(&pointer_token(name), "unknown_parameter", "This parameter is not known here.")
        }));
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.faults)),
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
            let fault = || Violation::of("done", "not_a_boolean", "True or false.");
            let done = params.parse("done", |text| text.parse().ok(), fault);
            Some(Self { done, tags: params.take_all("tag") })
        }
    }

    fn read(query: &str) -> Result<Filter, Vec<(String, &'static str)>> {
        let params = Params::of(format!("/things{query}").parse().unwrap());
        params.read().map_err(|error| match error {
            Error::Invalid(faults) => faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect(),
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
    fn every_fault_is_told_at_once() {
        let faults = read("?x=1&done=maybe&x=2&a/b~=3").unwrap_err();
        let expected =
            [("/done", "not_a_boolean"), ("/a~1b~0", "unknown_parameter"), ("/x", "unknown_parameter")];
        assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        assert_eq!(read("?done=true&done=true").unwrap_err(), [("/done".to_owned(), "repeated")]);
    }
}
