//! Reads JSON of other services without using much more memory than the file has bytes.
//!
//! A short text such as `[{},{},…]` would become many large values. So the items of all arrays of a file together are
//! counted, and reading ends at a limit.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};

use super::Refusal;
use crate::error::Violation;

/// Items of arrays in one file.
pub const ITEMS_MAX: usize = 150_000;
const TOO_MANY: &str = "too many items";

thread_local! {
    // A file is read by one thread from its beginning to its end.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// An array whose items count. Null is an empty array.
pub struct Bounded<T>(pub Vec<T>);

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

pub fn read<T: DeserializeOwned>(file: &[u8]) -> Result<T, Refusal> {
    LEFT.set(ITEMS_MAX);
    let read = serde_json::from_slice(file);
    read.map_err(|error: serde_json::Error| {
        if error.to_string().starts_with(TOO_MANY) {
            let detail = format!("The file has more than {ITEMS_MAX} items.");
            return Violation::of_whole("too_many", detail).into();
        }
        Refusal::json(error)
    })
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Bounded<T>, E> {
                Ok(Bounded::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bounded<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    let left = LEFT.get().checked_sub(1).ok_or_else(|| de::Error::custom(TOO_MANY))?;
                    LEFT.set(left);
                    items.push(item);
                }
                Ok(Bounded(items))
            }
        }

        deserializer.deserialize_any(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arrays_of_a_file_share_one_limit() {
        let half = format!("[{}0]", "0,".repeat(ITEMS_MAX / 2 + 10));
        assert!(read::<Bounded<u8>>(half.as_bytes()).is_ok());
        let both = read::<Bounded<Bounded<u8>>>(format!("[{half},{half}]").as_bytes());
        assert!(matches!(both, Err(Refusal::Invalid(violations)) if violations[0].code == "too_many"));
        assert!(matches!(read::<Bounded<u8>>(b"[1,"), Err(Refusal::Json(_))));
        assert_eq!(read::<Bounded<u8>>(b"null").ok().unwrap().0.len(), 0);
    }
}
