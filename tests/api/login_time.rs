//! The duration of a refused login does not reveal whether the username exists.

use std::time::{Duration, Instant};

use todo_api::clock::Clock;

use crate::support::{PASSWORD, TestApp, TestDatabase};

const PAIRS: usize = 36;
/// Of 36 fair coin tosses, fewer than 4 are heads once in nine million times.
const RARE: usize = 4;

async fn service(db: &TestDatabase, cost: &str) -> TestApp {
    TestApp::with(db.clone(), Clock::held_at(Clock::system().now()), &[("BCRYPT_COST", cost)]).await
}

/// Checks that refused logins of two names differ in time no more than by chance.
async fn assert_equally_long(app: &TestApp, first: &str, second: &str) {
    let time = async |name: &str| {
        let started = Instant::now();
        app.anonymous().v1_try_login(name, "wrong password").await.assert(401);
        started.elapsed()
    };
    for name in [first, second] {
        time(name).await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..PAIRS {
        // The second request may profit from the first.
        if n % 2 == 0 {
            known.push(time(first).await);
            unknown.push(time(second).await);
        } else {
            unknown.push(time(second).await);
            known.push(time(first).await);
        }
    }
    let longer = known.iter().zip(&unknown).filter(|(known, unknown)| known > unknown).count();
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[PAIRS / 2]
    };
    let (known, unknown) = (median(&mut known), median(&mut unknown));
    let apart = known.abs_diff(unknown);
    let what =
        format!("{longer} of {PAIRS} longer, medians {known:?} for {first} and {unknown:?} for {second}");
    assert!((RARE..=PAIRS - RARE).contains(&longer) || apart < known.min(unknown) / 20, "{what}");
    assert!(apart < known.min(unknown) / 4, "{what}");
}

#[tokio::test]
async fn a_known_and_an_unknown_name_take_equally_long() {
    let app = service(&TestDatabase::create().await, "8").await;
    app.anonymous().v1_register("known", PASSWORD).await.assert(201);
    assert_equally_long(&app, "known", "other").await;
}

#[tokio::test]
async fn hashes_of_a_lower_cost_do_not_reveal_names() {
    let db = TestDatabase::create().await;
    service(&db, "5").await.anonymous().v1_register("known", PASSWORD).await.assert(201);
    assert_equally_long(&service(&db, "9").await, "known", "other").await;
}

#[tokio::test]
async fn hashes_of_a_higher_cost_do_not_reveal_names() {
    let db = TestDatabase::create().await;
    service(&db, "9").await.anonymous().v1_register("known", PASSWORD).await.assert(201);
    let app = service(&db, "5").await;
    app.anonymous().v1_register("cheap", PASSWORD).await.assert(201);
    assert_equally_long(&app, "cheap", "other").await;
    assert_equally_long(&app, "known", "other").await;
}

#[tokio::test]
async fn the_cost_of_refused_logins_falls_when_the_last_expensive_hash_is_replaced() {
    let db = TestDatabase::create().await;
    service(&db, "8").await.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let app = service(&db, "4").await;
    let highest = async || app.state.accounts.highest_hash_cost().await.unwrap();
    assert_eq!(highest().await, Some(8));
    app.anonymous().v1_try_login("ann", PASSWORD).await.assert(200);
    assert_eq!(highest().await, Some(4));
}
