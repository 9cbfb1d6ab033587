//! The list of common passwords, which new passwords must not be on.
//!
//! `common_passwords.txt` has the first 3,000 entries of `src/passwords.json` in the npm package
//! `@zxcvbn-ts/language-common`, version 4.1.3, which is ordered by frequency and in lower case.
//!
//! The list is under the MIT licence, Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc., Copyright (c) 2021
//! @zxcvbn-ts:
//!
//! > Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
//! > documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
//! > rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
//! > permit persons to whom the Software is furnished to do so, subject to the following conditions:
//! >
//! > The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
//! > Software.
//! >
//! > THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
//! > WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
//! > COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
//! > OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

use std::collections::HashSet;
use std::sync::LazyLock;

use icu_normalizer::ComposingNormalizer;

// Only 675 of the 3,000 can refuse a password, because the others have fewer than the eight characters that a new
// password needs.
const LIST: &str = include_str!("common_passwords.txt");

static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| LIST.lines().collect());

/// Ignores case and the Unicode form (NFKC).
pub fn is_common(password: &str) -> bool {
    COMMON.contains(normalize(password).as_str())
}

fn normalize(password: &str) -> String {
    ComposingNormalizer::new_nfkc().normalize(password).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_3000_different_normalized_passwords() {
        assert_eq!((LIST.lines().count(), COMMON.len()), (3_000, 3_000));
        assert!(LIST.lines().all(|password| !password.is_empty() && password == normalize(password)));
        assert_eq!(LIST.lines().filter(|password| password.chars().count() >= 8).count(), 675);
    }

    #[test]
    fn every_password_of_the_list_is_common_in_any_case() {
        assert!(LIST.lines().all(|password| is_common(password) && is_common(&password.to_uppercase())));
    }

    #[test]
    fn a_common_password_is_common_in_any_case_and_unicode_form() {
        for password in ["12345678", "password", "PassWord", "1qaz2wsx", "ｐａｓｓｗｏｒｄ", "paſſword"]
        {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn other_passwords_are_not_common() {
        for password in ["", "\n", "correct horse", " password", "password\n", "pässword", "123456\n12345"] {
            assert!(!is_common(password), "{password:?}");
        }
    }
}
