//! The stored user, and the rules for new usernames, passwords, email addresses and time zones.

use bson::DateTime;
use bson::oid::ObjectId;
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::common_passwords::is_common;
use crate::auth::token::{Role, Subject, USERNAME_MAX_CHARS};
use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::owned::visible;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// `sub` in tokens, `owner_id` in todos and lists.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub username: String,
    /// See [`username_key`]. Unique.
    pub username_key: String,
    pub password_hash: String,
    #[serde(default)]
    pub email: Option<String>,
    /// An IANA name. Days of the user begin and end in this zone.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    pub roles: Vec<Role>,
    pub epoch: i64,
    /// Raising it ends all personal access tokens. A change of password raises only `epoch`.
    #[serde(default)]
    pub token_epoch: i64,
    pub created_at: DateTime,
    pub version: i64,
    /// Whether the password is for one login, which must replace it.
    #[serde(default)]
    pub must_change_password: bool,
    #[serde(default)]
    pub disabled_at: Option<DateTime>,
    /// Set by the first step of a deletion. A later step removes the document.
    #[serde(default)]
    pub deleted_at: Option<DateTime>,
}

impl User {
    pub fn new(id: ObjectId, username: String, password_hash: String, now: DateTime) -> Self {
        Self {
            id,
            username_key: username_key(&username),
            username,
            password_hash,
            email: None,
            time_zone: default_time_zone(),
            roles: vec![Role::User],
            epoch: 0,
            token_epoch: 0,
            created_at: now,
            version: 1,
            must_change_password: false,
            disabled_at: None,
            deleted_at: None,
        }
    }

    pub fn has_name(&self, name: &str) -> bool {
        self.username_key == username_key(name)
    }

    pub fn subject(&self) -> Subject {
        Subject {
            user_id: self.id,
            username: self.username.clone(),
            roles: self.roles.clone(),
            epoch: self.epoch,
        }
    }
}

#[derive(Debug, Clone)]
pub struct NewUser {
    pub(super) username: String,
    pub(super) password: SecretString,
    pub(super) email: Option<String>,
    pub(super) roles: Vec<Role>,
    pub(super) must_change_password: bool,
}

impl NewUser {
    pub fn parse(
        username: String,
        password: String,
        email: Option<String>,
        limits: Limits,
    ) -> Result<Self, Vec<Violation>> {
        let violations = Self::violations(Some(&username), Some(&password), email.as_deref(), limits);
        if violations.is_empty() {
            let (password, roles) = (password.into(), vec![Role::User]);
            Ok(Self { username, password, email, roles, must_change_password: false })
        } else {
            Err(violations)
        }
    }

    #[must_use]
    pub fn with_access(self, roles: Vec<Role>, must_change_password: bool) -> Self {
        Self { roles, must_change_password, ..self }
    }

    /// The violations of the values that are present.
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

// The body of a login has no room for a longer name, except for characters that NFKC turns into up to 18. Cutting the key
// bounds the work for such a name.
const KEY_MAX_CHARS: usize = 16_384;

/// The form in which names are compared: Unicode NFKC with case folding, so that `Ann`, `ANN` and `ａｎｎ` are one user.
pub fn username_key(username: &str) -> String {
    let nfkc = ComposingNormalizer::new_nfkc();
    let normal: String = nfkc.normalize_iter(username.chars()).take(KEY_MAX_CHARS).collect();
    let folded = CaseMapper::new().fold_string(&normal);
    // Folding can produce text that is not in NFKC, so normalize again.
    nfkc.normalize_iter(folded.chars()).take(KEY_MAX_CHARS).collect()
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

/// Changes that users make to their own account. `None` keeps the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// `Some(None)` removes the address.
    pub email: Option<Option<String>>,
    pub time_zone: Option<String>,
}

impl UserPatch {
    pub fn parse(email: Option<Option<String>>, time_zone: Option<String>) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        violations.extend(email.as_ref().and_then(|email| email.as_deref()).and_then(email_violation));
        if time_zone.as_deref().is_some_and(|zone| Zone::named(zone).is_none()) {
            violations.push(Violation::of(
                "time_zone",
                "unknown_zone",
                "The time zone must be an IANA name such as Europe/Berlin.",
            ));
        }
        if violations.is_empty() { Ok(Self { email, time_zone }) } else { Err(violations) }
    }
}

fn email_violation(email: &str) -> Option<Violation> {
    let right = email.len() <= EMAIL_MAX_BYTES && email_address::EmailAddress::is_valid(email);
    (!right).then(|| {
        Violation::of("email", "not_an_address", "The email address must look like ann@example.org.")
    })
}

// RFC 5321 §4.5.3.1.3 allows 256 octets for a path, which includes the two angle brackets.
pub const EMAIL_MAX_BYTES: usize = 254;

pub const DEVICE_MAX_CHARS: usize = 200;

/// The rules for new usernames and passwords. Users that were imported from the original may break them.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub username: Length,
    pub password: Length,
    /// Whether a common password, or the username as the password, is refused.
    pub strict: bool,
}

/// In code points; both ends are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    pub min: usize,
    pub max: usize,
}

const PASSWORD_LENGTH: Length = Length { min: 8, max: 128 };

/// For registration through the routes of the original.
pub const ORIGINAL_LIMITS: Limits =
    Limits { username: Length { min: 1, max: USERNAME_MAX_CHARS }, password: PASSWORD_LENGTH, strict: false };

pub const LIMITS: Limits =
    Limits { username: Length { min: 3, max: USERNAME_MAX_CHARS }, password: PASSWORD_LENGTH, strict: true };

fn username_violations(username: &str, limits: Limits) -> Vec<Violation> {
    let mut violations: Vec<Violation> =
        length_violation("username", "username", username, limits.username).into_iter().collect();
    if is_longer(username, limits.username.max) {
        return violations;
    }
    if !username.chars().all(is_visible) {
        violations.push(Violation::of(
            "username",
            "invisible",
            "The username must not contain control characters or invisible characters.",
        ));
    } else if username.starts_with(' ') || username.ends_with(' ') {
        violations.push(Violation::of(
            "username",
            "invisible",
            "The username must not start or end with a space.",
        ));
    }
    violations
}

pub fn password_violations(
    field: &str,
    username: Option<&str>,
    password: &str,
    limits: Limits,
) -> Vec<Violation> {
    let mut violations: Vec<Violation> =
        length_violation(field, "password", password, limits.password).into_iter().collect();
    // The other rules normalize the text, which would be expensive for a long one.
    if is_longer(password, limits.password.max) {
        return violations;
    }
    let username = username.filter(|username| !is_longer(username, limits.username.max));
    if limits.strict && username.is_some_and(|username| username_key(password) == username_key(username)) {
        violations.push(Violation::of(field, "same_as_username", "The password must not be the username."));
    }
    if limits.strict && is_common(password) {
        violations.push(Violation::of(
            field,
            "too_common",
            "The password must not be one of the 3,000 most common passwords.",
        ));
    }
    violations
}

fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}

fn length_violation(field: &str, what: &str, text: &str, Length { min, max }: Length) -> Option<Violation> {
    let fault = |code| Violation::of(field, code, format!("The {what} must have {min} to {max} characters."));
    match text.chars().count() {
        count if count < min => Some(fault("too_short")),
        count if count > max => Some(fault("too_long")),
        _ => None,
    }
}

fn is_visible(c: char) -> bool {
    use GeneralCategory as Category;
    let category = CodePointMapData::<Category>::new().get(c);
    let is_unclear = matches!(category, Category::Format | Category::PrivateUse | Category::Unassigned);
    // A plain space counts as visible, because it shows between words.
    c == ' ' || !is_unclear && !visible::is_invisible(c)
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
    fn under_v1_a_password_must_not_be_common_or_the_username() {
        assert_eq!(codes_within(LIMITS, "annabel-lee", "Annabel-LEE"), ["same_as_username"]);
        assert_eq!(codes_within(LIMITS, "ann", "Password1"), ["too_common"]);
        assert_eq!(codes_within(LIMITS, "an", "correct horse"), ["too_short"]);
        assert_eq!(codes_within(LIMITS, "ann", "correct horse"), [""; 0]);
    }

    #[test]
    fn usernames_that_differ_only_in_case_or_unicode_form_are_equal() {
        for (a, b) in
            [("Ann", "aNN"), ("ａｎｎ", "ann"), ("é", "e\u{301}"), ("STRASSE", "straße"), ("ﬁn", "FIN")]
        {
            assert_eq!(username_key(a), username_key(b), "{a} and {b}");
        }
        assert_ne!(username_key("ann"), username_key("ánn"));
    }

    #[test]
    fn a_key_is_cut_off_after_normalization() {
        let longest = "x".repeat(KEY_MAX_CHARS);
        assert_eq!(username_key(&longest), longest);
        assert_eq!(username_key(&format!("{longest}y")), longest);
        assert_eq!(username_key(&"\u{fdfa}".repeat(170_000)).chars().count(), KEY_MAX_CHARS);
    }

    #[test]
    fn a_text_that_is_too_long_has_no_other_violation() {
        let hostile = "\u{fdfa}".repeat(170_000);
        assert_eq!(codes_within(LIMITS, "ann", &hostile), ["too_long"]);
        assert_eq!(codes_within(LIMITS, &hostile, &hostile), ["too_long", "too_long"]);
        assert_eq!(codes_within(LIMITS, &format!("{}\0", "x".repeat(64)), "correct horse"), ["too_long"]);
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
    fn a_username_must_not_contain_invisible_characters() {
        for hidden in
            ["\0", "\n", "\u{7f}", "\u{200b}", "\u{202e}", "\u{2066}", "\u{feff}", "\u{3164}", "\u{a0}"]
        {
            assert_eq!(codes(&format!("a{hidden}b"), "12345678"), ["invisible"], "{hidden:?}");
        }
        assert_eq!(codes(" ann", "12345678"), ["invisible"]);
        assert_eq!(codes("Ann Ström 李", "12345678"), [""; 0]);
    }
}
