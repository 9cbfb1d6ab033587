//! Tokens that are broken, truncated, too long, or changed by one character. No protected route accepts one.

use std::ops::Range;

use todo_api::auth::token::TokenKind;
use todo_api::crypto::random_id::RandomId;

use crate::support::TestApp;
use crate::support::tokens::{Parts, assert_none_opens, keys, sign, tokens_of};

#[tokio::test]
async fn malformed_tokens_are_refused() {
    let app = TestApp::start().await;
    let junk = ". .. ... a.b.c null undefined e30.e30. e30.e30.e30 =.=.= {}.{}.{} Bearer * 0";
    let mut wrong: Vec<String> = junk.split(' ').map(str::to_owned).collect();
    let tokens = tokens_of(&app.user("ann").await).map(|(_, token)| token);
    for (token, other) in [(&tokens[0], &tokens[1]), (&tokens[1], &tokens[0])] {
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let foreign = other.rsplit_once('.').unwrap().1;
        let joined = |parts: &[&str]| parts.join(".");
        wrong.extend([
            joined(&[header]),
            joined(&[header, claims]),
            joined(&[header, claims, ""]),
            joined(&["", claims, signature]),
            joined(&[header, "", signature]),
            joined(&["", "", signature]),
            joined(&[header, "", ""]),
            joined(&[claims, header, signature]),
            joined(&[header, claims, signature, ""]),
            joined(&["", header, claims, signature]),
            joined(&[header, claims, "", signature]),
            joined(&[header, claims, signature, signature]),
            joined(&[header, claims, signature, "", ""]),
            joined(&[header, claims, signature, claims, signature]),
            joined(&[header, claims, foreign]),
            joined(&[token, other]),
            joined(&[header, claims, &signature[1..]]),
            joined(&[header, claims, &signature[..signature.len() - 1]]),
            joined(&[header, claims, &signature[..10]]),
            joined(&[header, claims, &"A".repeat(43)]),
            joined(&[header, claims, &format!("{signature}A")]),
            joined(&[header, claims, &format!("{signature}=")]),
            joined(&[&format!("{header}="), claims, signature]),
            joined(&[header, &format!("{claims}=="), signature]),
            joined(&[header, claims, &format!("+{}", &signature[1..])]),
            joined(&[header, claims, &format!("{}/", &signature[1..])]),
            token.replace('.', ","),
            joined(&[header, &format!("{claims}%3D"), signature]),
            token.to_lowercase(),
            joined(&[header, &format!("{claims}{}", "A".repeat(5_000)), signature]),
            format!("{token}{}", "A".repeat(100_000)),
        ]);
    }
    let wrong: Vec<_> = wrong.into_iter().map(|token| ("malformed".to_owned(), token)).collect();
    assert_none_opens(&app, &wrong).await;
}

#[tokio::test]
async fn tokens_longer_than_4_kib_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let mut right = Parts::of(&tokens_of(&ann)[0].1);
    for (size, read) in [(4_095, true), (4_096, true), (4_097, false), (4_098, false), (8_192, false)] {
        // Spaces after the header allow lengths that base64 alone cannot have.
        let shapes =
            (0..4).flat_map(|spaces| (size * 3 / 4 - 600..size * 3 / 4).map(move |name| (spaces, name)));
        let mut tokens = shapes.map(|(spaces, name)| {
            right.claims["username"] = "x".repeat(name).into();
            let header = format!("{}{}", right.header, " ".repeat(spaces));
            sign(TokenKind::Access, &header, &right.claims.to_string())
        });
        let token = tokens.find(|token| token.len() == size).unwrap();
        let answer = ann.with_token(token).get("/user/ann").await;
        if read {
            answer.assert(200);
        } else {
            answer.assert_refused("invalid_token");
        }
    }
}

/// A token with one character replaced, inserted or removed at a random place.
fn mutated(token: &str) -> String {
    let random = RandomId::new().to_string();
    let number = |digits: Range<usize>| usize::from_str_radix(&random[digits], 16).unwrap();
    let mut bytes = token.as_bytes().to_vec();
    let (place, byte) = (number(0..8) % bytes.len(), b'!' + u8::try_from(number(8..16) % 94).unwrap());
    match number(16..24) % 8 {
        0 => bytes.insert(place, byte),
        1 => drop(bytes.remove(place)),
        _ if bytes[place] == byte => bytes[place] ^= 1,
        _ => bytes[place] = byte,
    }
    String::from_utf8(bytes).unwrap()
}

/// `TOKEN_MUTATIONS` sets the number of mutations.
#[tokio::test]
async fn no_mutation_of_a_token_is_accepted() {
    let mutations = std::env::var("TOKEN_MUTATIONS").map_or(10_000, |count| count.parse().unwrap());
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let (keys, now) = (keys(), app.clock.now());
    let tokens = tokens_of(&ann);
    for n in 0..mutations {
        let (_, token) = &tokens[n % 2];
        let mutation = mutated(token);
        assert!(keys.verify(&mutation, now).is_err(), "{mutation} of {token}");
    }
    for _ in 0..100 {
        ann.with_token(mutated(&tokens[0].1)).get("/user/ann").await.assert_refused("invalid_token");
    }
}

#[tokio::test]
async fn every_bit_of_the_last_signature_character_counts() {
    let app = TestApp::start().await;
    for (_, token) in tokens_of(&app.user("ann").await) {
        let (kept, last) = token.split_at(token.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for other in alphabet.chars().filter(|c| !last.contains(*c)) {
            assert!(keys().verify(&format!("{kept}{other}"), app.clock.now()).is_err(), "{other} for {last}");
        }
    }
}
