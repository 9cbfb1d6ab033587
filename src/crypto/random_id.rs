//! Unguessable ids for sessions, tokens and requests. Users and todos have [`crate::mongo::object_id`]s instead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// 128 random bits, formatted as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RandomId([u8; 16]);

impl RandomId {
    pub fn new() -> Self {
        Self(random_bytes())
    }
}

#[expect(clippy::expect_used, reason = "without random numbers no id is safe")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system provides random numbers");
    bytes
}

impl Default for RandomId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not 32 lower-case hex digits")]
pub struct NotARandomId;

impl FromStr for RandomId {
    type Err = NotARandomId;

    fn from_str(text: &str) -> Result<Self, NotARandomId> {
        // `from_str_radix` also accepts a sign and upper case.
        let canonical = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(number) if canonical => Ok(Self(number.to_be_bytes())),
            _ => Err(NotARandomId),
        }
    }
}

impl Serialize for RandomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RandomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_can_be_formatted_and_parsed() {
        let id = RandomId::new();
        assert_eq!(id.to_string().parse::<RandomId>().unwrap(), id);
    }

    #[test]
    fn only_the_canonical_form_is_accepted() {
        for text in ["", "ab", "+0000000000000000000000000000001", &"A".repeat(32), &"a".repeat(33)] {
            assert!(text.parse::<RandomId>().is_err(), "{text}");
        }
    }
}
