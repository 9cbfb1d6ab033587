//! Every text of the admin pages, one table per language. A missing text does not compile. `{}` stands for a value.

mod de;
mod en;

use crate::web::language::Language;

macro_rules! texts {
    ($($name:ident),* $(,)?) => {
        pub struct Texts { $(pub $name: &'static str),* }

        #[cfg(test)]
        impl Texts {
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

texts! {
    // The frame of all pages.
    skip_to_content, navigation, overview, users, audit, sign_out, signed_in_as,
    // Signing in.
    sign_in, username, password, new_password, new_password_needed, wrong_password, not_an_admin, session_ended,
    confirm_title, confirm_text, own_password, go_on, cancel,
    // Overview.
    version, database_version, accounts, users_in_all, admins, disabled_users, sessions_alive, todos_stored,
    lists_stored, today, logins, failed_logins, registrations, service, unfinished_deletions, unfinished_changes,
    revocations, revocations_age, seconds_ago, last_backup, not_known, utc_day,
    // Users.
    search, search_hint, state, any, enabled, disabled, role, admin, user, new_user, no_users, next_page,
    first_page, email, created, last_used, never, sessions, todos, must_change_password, time_zone, yourself, id,
    // One user.
    make_admin, remove_admin, make_admin_hint, remove_admin_hint, disable, enable, disable_hint, enable_hint,
    set_password, set_password_hint, suggestion_hint, one_time_password, delete_user, delete_hint, delete_title,
    delete_text, delete_todos, delete_lists, delete_sessions, delete_tokens, delete_final, device, address,
    no_sessions, end_session, end_all_sessions, block, unblock, blocked, alive, actions, this_session, show_audit,
    account, danger, more_sessions, access_tokens, token_name, scopes, expires, expired, no_tokens, end_all_tokens,
    tokens_hint,
    // A new user.
    create_user, optional, one_time_hint,
    // Audit.
    from_day, to_day, event, show, time, by, operator, no_entries, ev_register, ev_login, ev_login_failed, ev_refresh_reuse,
    ev_logout, ev_sessions_ended, ev_session_blocked, ev_session_unblocked, ev_password_changed, ev_token_created,
    ev_token_new_network, ev_tokens_ended, ev_disabled, ev_enabled, ev_roles_changed, ev_deleted, ev_backed_up,
    // Messages after an action.
    done_created, done_disabled, done_enabled, done_admin, done_not_admin, done_password, done_deleted,
    done_session_ended, done_sessions_ended, done_token_ended, done_tokens_ended, done_blocked, done_unblocked,
    done_signed_out,
    // Errors.
    error_title, error_forbidden, error_not_found, error_origin, error_throttled, error_unavailable, error_internal,
    error_invalid, error_last_admin, bad_password_length, bad_password_common, bad_password_username,
    bad_password_not_new, bad_username_length, bad_username_characters, bad_email, error_changed, error_name_taken,
    back,
}

impl Texts {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &en::TEXTS,
            Language::German => &de::TEXTS,
        }
    }
}

/// Puts a value in the place of `{}`.
pub fn fill(text: &str, value: impl std::fmt::Display) -> String {
    text.replacen("{}", &value.to_string(), 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_text_is_on_a_page() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["templates/admin", "src/admin_pages", "src/admin_pages/handlers"];
        let files = folders.iter().flat_map(|folder| root.join(folder).read_dir().unwrap());
        let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let code: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let words: HashSet<_> = code.split(|c: char| c != '_' && !c.is_alphanumeric()).collect();
        for (name, _) in Texts::of(Language::English).all() {
            assert!(words.contains(name), "{name}");
        }
    }

    #[test]
    fn german_is_another_language() {
        let same_word = ["version", "id", "token_name"];
        let (english, german) = (Texts::of(Language::English).all(), Texts::of(Language::German).all());
        for ((name, english), (_, german)) in english.into_iter().zip(german) {
            assert_eq!(english == german, same_word.contains(&name), "{name}: {english}");
        }
    }

    #[test]
    fn every_text_has_the_same_values_in_each_language() {
        let english = Texts::of(Language::English).all();
        for language in Language::ALL {
            for ((name, text), (_, english)) in Texts::of(language).all().into_iter().zip(&english) {
                let values = |text: &str| text.matches("{}").count();
                assert!(!text.trim().is_empty(), "{name} in {language:?}");
                assert_eq!(values(text), values(english), "{name} in {language:?}");
            }
        }
        assert_eq!(fill("{} is gone", "a{}b"), "a{}b is gone");
    }
}
