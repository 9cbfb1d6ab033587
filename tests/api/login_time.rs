//! The duration of a refused login does not reveal whether the username exists.

use std::time::{Duration, Instant};

use todo_api::clock::Clock;

use crate::support::{PASSWORD, TestApp, TestDatabase};

const PAIRS: usize = 60;
/// Of 60 fair coin tosses, 12 or fewer are heads once in a million times.
const RARE: usize = 12;

#[tokio::test]
async fn a_known_and_an_unknown_name_take_equally_long() {
    let clock = Clock::held_at(Clock::system().now());
    let app = TestApp::with(TestDatabase::create().await, clock, &[("BCRYPT_COST", "8")]).await;
    app.anonymous().v1_register("known", PASSWORD).await.assert(201);
    let time = async |name: &str| {
        let started = Instant::now();
        app.anonymous().v1_try_login(name, "wrong password").await.assert(401);
        started.elapsed()
    };
    for name in ["known", "other"] {
        time(name).await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..PAIRS {
        // The second request may profit from the first.
        if n % 2 == 0 {
            known.push(time("known").await);
            unknown.push(time("other").await);
        } else {
            unknown.push(time("other").await);
            known.push(time("known").await);
        }
    }
    let longer = known.iter().zip(&unknown).filter(|(known, unknown)| known > unknown).count();
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[PAIRS / 2]
    };
    let (known, unknown) = (median(&mut known), median(&mut unknown));
    let apart = known.abs_diff(unknown);
    let what = format!("{longer} of {PAIRS} longer, medians {known:?} and {unknown:?}");
    assert!((RARE..=PAIRS - RARE).contains(&longer) || apart < known.min(unknown) / 20, "{what}");
    assert!(apart < known.min(unknown) / 4, "{what}");
}
