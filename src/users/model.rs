//! The stored user, and the rules that new usernames and passwords keep. Must not touch a database or a clock.

use bson::DateTime;
use bson::oid::ObjectId;
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::common_passwords::is_common;
use crate::auth::token::{Role, Subject, USERNAME_MAX_CHARS};
use crate::error::Violation;

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
    /// See [`crate::users::password::Hasher`].
    pub password_hash: String,
    /// Where the user can be written to.
    #[serde(default)]
    pub email: Option<String>,
    /// The IANA name of the zone that the user's days are in.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Raised to end every session at once: tokens of an earlier epoch are dead.
    pub epoch: i64,
    /// When the user registered.
    pub created_at: DateTime,
    /// Counts the changes, from 1.
    pub version: i64,
    /// Set while the user may not log in.
    #[serde(default)]
    pub disabled_at: Option<DateTime>,
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
            email: None,
            time_zone: default_time_zone(),
            roles: vec![Role::User],
            epoch: 0,
            created_at: now,
            version: 1,
            disabled_at: None,
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

/// A user who is about to register: the name, the password and the address keep to the rules.
#[derive(Debug)]
pub struct NewUser {
    pub(super) username: String,
    pub(super) password: SecretString,
    pub(super) email: Option<String>,
}

impl NewUser {
    /// Checks everything.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn parse(
        username: String,
        password: String,
        email: Option<String>,
        limits: Limits,
    ) -> Result<Self, Vec<Violation>> {
        let violations = Self::violations(Some(&username), Some(&password), email.as_deref(), limits);
        if violations.is_empty() {
            Ok(Self { username, password: password.into(), email })
        } else {
            Err(violations)
        }
    }

    /// Every rule that is broken by what there is.
    #[must_use]
    pub fn violations(
        username: Option<&str>,
        password: Option<&str>,
        email: Option<&str>,
        limits: Limits,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        violations.extend(username.into_iter().flat_map(|username| username_violations(username, limits)));
        violations.extend(
            password
                .into_iter()
                .flat_map(|password| password_violations("password", username, password, limits)),
        );
        violations.extend(email.and_then(email_violation));
        violations
    }
}

/// A username as compared: Unicode NFKC with case folded, so that `Ann`, `ANN` and `ａｎｎ` are one user.
#[must_use]
pub fn username_key(username: &str) -> String {
    let nfkc = ComposingNormalizer::new_nfkc();
    let folded = CaseMapper::new().fold_string(&nfkc.normalize(username)).into_owned();
    nfkc.normalize(&folded).into_owned()
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

/// What a user changes about themselves; `None` keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// A new address, or none.
    pub email: Option<Option<String>>,
    /// A new zone.
    pub time_zone: Option<String>,
}

impl UserPatch {
    /// Checks the values; a zone of null is UTC again.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn parse(
        email: Option<Option<String>>,
        zone: Option<Option<String>>,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        violations.extend(email.as_ref().and_then(|email| email.as_deref()).and_then(email_violation));
        let time_zone = zone.map(|zone| zone.unwrap_or_else(default_time_zone));
        if time_zone.as_deref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
            violations.push(Violation::of(
                "time_zone",
                "unknown_zone",
                "A time zone is an IANA name such as Europe/Berlin.",
            ));
        }
        if violations.is_empty() { Ok(Self { email, time_zone }) } else { Err(violations) }
    }
}

fn email_violation(email: &str) -> Option<Violation> {
    let right = email.len() <= EMAIL_MAX_BYTES && email_address::EmailAddress::is_valid(email);
    (!right).then(|| Violation::of("email", "not_an_address", "An email address looks like ann@example.org."))
}

/// RFC 5321 §4.5.3.1.3: a path has at most 256 octets, and two of them are its angle brackets.
pub const EMAIL_MAX_BYTES: usize = 254;

/// The name that a client gives its device at login.
pub const DEVICE_MAX_CHARS: usize = 200;

/// What new usernames and passwords must keep to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub username: Length,
    pub password: Length,
    /// Whether a password may be neither common nor the username.
    pub strict: bool,
}

/// In code points; both ends are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    pub min: usize,
    pub max: usize,
}

const PASSWORD_LENGTH: Length = Length { min: 8, max: 128 };

/// The limits of the original's routes.
pub const ORIGINAL_LIMITS: Limits =
    Limits { username: Length { min: 1, max: USERNAME_MAX_CHARS }, password: PASSWORD_LENGTH, strict: false };

/// The limits of the routes under `/v1`.
pub const LIMITS: Limits =
    Limits { username: Length { min: 3, max: USERNAME_MAX_CHARS }, password: PASSWORD_LENGTH, strict: true };

/// Every rule that a new name breaks. Names that a take-over brought keep none.
fn username_violations(username: &str, limits: Limits) -> Vec<Violation> {
    let mut violations: Vec<Violation> =
        length_violation("username", "username", username, limits.username).into_iter().collect();
    if !username.chars().all(is_visible) {
        violations.push(Violation::of(
            "username",
            "invisible",
            "A username has no control or invisible characters.",
        ));
    } else if username.starts_with(' ') || username.ends_with(' ') {
        violations.push(Violation::of(
            "username",
            "invisible",
            "A username neither starts nor ends with a space.",
        ));
    }
    violations
}

/// Every rule that a new password, given as the member `field`, breaks. Passwords that a take-over brought keep none.
#[must_use]
pub fn password_violations(
    field: &str,
    username: Option<&str>,
    password: &str,
    limits: Limits,
) -> Vec<Violation> {
    let mut violations: Vec<Violation> =
        length_violation(field, "password", password, limits.password).into_iter().collect();
    if limits.strict && username.is_some_and(|username| username_key(password) == username_key(username)) {
        violations.push(Violation::of(field, "same_as_username", "A password is not the username."));
    }
    if limits.strict && is_common(password) {
        violations.push(Violation::of(
            field,
            "too_common",
            "This password is among the first that are guessed.",
        ));
    }
    violations
}

fn length_violation(field: &str, what: &str, text: &str, Length { min, max }: Length) -> Option<Violation> {
    let fault = |code| Violation::of(field, code, format!("A {what} has {min} to {max} characters."));
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
        codes_within(ORIGINAL_LIMITS, username, password)
    }

    fn codes_within(limits: Limits, username: &str, password: &str) -> Vec<&'static str> {
        let violations = NewUser::violations(Some(username), Some(password), None, limits);
        violations.into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn under_v1_a_password_is_neither_common_nor_the_name() {
        assert_eq!(codes_within(LIMITS, "annabel-lee", "Annabel-LEE"), ["same_as_username"]);
        assert_eq!(codes_within(LIMITS, "ann", "Password1"), ["too_common"]);
        assert_eq!(codes_within(LIMITS, "an", "correct horse"), ["too_short"]);
        assert_eq!(codes_within(LIMITS, "ann", "correct horse"), [""; 0]);
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
    fn username_length_is_counted_in_code_points() {
        for limits in [LIMITS, ORIGINAL_LIMITS] {
            let codes = |length| codes_within(limits, &"é".repeat(length), "correct horse");
            let Length { min, max } = limits.username;
            assert_eq!(codes(min - 1), ["too_short"]);
            assert_eq!((codes(min), codes(max)), (Vec::new(), Vec::new()));
            assert_eq!(codes(max + 1), ["too_long"]);
        }
    }

    #[test]
    fn password_length_is_counted_in_code_points() {
        for limits in [LIMITS, ORIGINAL_LIMITS] {
            let codes = |length| codes_within(limits, "ann", &"é".repeat(length));
            let Length { min, max } = limits.password;
            assert_eq!(codes(min - 1), ["too_short"]);
            assert_eq!((codes(min), codes(max)), (Vec::new(), Vec::new()));
            assert_eq!(codes(max + 1), ["too_long"]);
        }
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
