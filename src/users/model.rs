//! The stored user, and the rules that new usernames and passwords keep. Must not touch a database or a clock.

use bson::DateTime;
use bson::oid::ObjectId;
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};
use serde::{Deserialize, Serialize};

use crate::auth::token::{Role, Subject};
use crate::error::Fault;

/// A user as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's id; `sub` in tokens, `owner_id` of todos.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The name as typed at registration.
    pub username: String,
    /// The name as compared: see [`username_key`]. Unique.
    pub username_key: String,
    /// See [`super::password::Hasher`].
    pub password_hash: String,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Raised to end every session at once: tokens of an earlier epoch are dead.
    pub epoch: i64,
    /// When the user registered.
    pub created_at: DateTime,
    /// Counts the changes, from 1.
    pub version: i64,
    /// Set by the first step of a deletion: no login any more, and the rest is being removed.
    #[serde(default)]
    pub deleted_at: Option<DateTime>,
}

impl User {
    /// A user who has just registered.
    #[must_use]
    pub fn new(username: String, password_hash: String, now: DateTime) -> Self {
        Self {
            id: ObjectId::new(),
            username_key: username_key(&username),
            username,
            password_hash,
            roles: vec![Role::User],
            epoch: 0,
            created_at: now,
            version: 1,
            deleted_at: None,
        }
    }

    /// Whom this user's tokens are made out to.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            user_id: self.id,
            username: self.username.clone(),
            roles: self.roles.clone(),
            epoch: self.epoch,
        }
    }
}

/// A username as compared: Unicode NFKC with case folded, so that `Ann`, `ANN` and `ａｎｎ` are one user.
#[must_use]
pub fn username_key(username: &str) -> String {
    let nfkc = ComposingNormalizer::new_nfkc();
    let folded = CaseMapper::new().fold_string(&nfkc.normalize(username)).into_owned();
    nfkc.normalize(&folded).into_owned()
}

/// How long new usernames and passwords are, in code points, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of a username.
    pub username: (usize, usize),
    /// Of a password.
    pub password: (usize, usize),
}

/// The limits of the original's routes.
pub const ORIGINAL_LIMITS: Limits = Limits { username: (1, 64), password: (8, 128) };

/// Every rule that a new user's name and password break. Names and passwords that a take-over brought keep none.
#[must_use]
pub fn faults(username: &str, password: &str, limits: Limits) -> Vec<Fault> {
    let mut faults = Vec::new();
    faults.extend(length("username", username, limits.username));
    if !username.chars().all(is_visible) {
        faults.push(Fault::of("username", "invisible", "A username has no control or invisible characters."));
    } else if username.starts_with(' ') || username.ends_with(' ') {
        faults.push(Fault::of("username", "invisible", "A username neither starts nor ends with a space."));
    }
    faults.extend(length("password", password, limits.password));
    faults
}

fn length(field: &str, text: &str, (min, max): (usize, usize)) -> Option<Fault> {
    let fault = |code| Fault::of(field, code, format!("A {field} has {min} to {max} characters."));
    match text.chars().count() {
        count if count < min => Some(fault("too_short")),
        count if count > max => Some(fault("too_long")),
        _ => None,
    }
}

/// Whether a person sees the character, and sees that it is there. The plain space counts: it shows between words.
fn is_visible(c: char) -> bool {
    use GeneralCategory as Category;
    const BRAILLE_BLANK: char = '\u{2800}';
    let hidden = matches!(
        CodePointMapData::<Category>::new().get(c),
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
    );
    let blank = CodePointSetData::new::<WhiteSpace>().contains(c) && c != ' ' || c == BRAILLE_BLANK;
    !hidden && !blank && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(username: &str, password: &str) -> Vec<&'static str> {
        faults(username, password, ORIGINAL_LIMITS).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn names_that_differ_in_case_or_unicode_form_are_the_same() {
        for (a, b) in
            [("Ann", "aNN"), ("ａｎｎ", "ann"), ("é", "e\u{301}"), ("STRASSE", "straße"), ("ﬁn", "FIN")]
        {
            assert_eq!(username_key(a), username_key(b), "{a} and {b}");
        }
        assert_ne!(username_key("ann"), username_key("ánn"));
    }

    #[test]
    fn a_name_has_1_to_64_code_points() {
        assert_eq!(codes("", "12345678"), ["too_short"]);
        assert_eq!(codes("a", "12345678"), [""; 0]);
        assert_eq!(codes(&"é".repeat(64), "12345678"), [""; 0]);
        assert_eq!(codes(&"é".repeat(65), "12345678"), ["too_long"]);
    }

    #[test]
    fn a_password_has_8_to_128_code_points() {
        assert_eq!(codes("ann", "1234567"), ["too_short"]);
        assert_eq!(codes("ann", "ééééøøøø"), [""; 0]);
        assert_eq!(codes("ann", &"x".repeat(128)), [""; 0]);
        assert_eq!(codes("ann", &"x".repeat(129)), ["too_long"]);
    }

    #[test]
    fn a_name_has_no_character_that_hides() {
        for hidden in
            ["\0", "\n", "\u{7f}", "\u{200b}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{3164}", "\u{a0}"]
        {
            assert_eq!(codes(&format!("a{hidden}b"), "12345678"), ["invisible"], "{hidden:?}");
        }
        assert_eq!(codes(" ann", "12345678"), ["invisible"]);
        assert_eq!(codes("Ann Ström 李", "12345678"), [""; 0]);
    }
}
