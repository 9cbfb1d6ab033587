//! Random histories of a user's sessions, compared with a simple model. After each step the service accepts exactly the
//! tokens that the model accepts, and each session is one chain.
//!
//! With `TODO_API_TEST_LONG` in the environment, it runs 5,000 histories instead of 80.

mod life;

use life::Life;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::support::TestApp;
use crate::support::v1::{DAY, LEEWAY, MINUTE};

/// What a user does. An index chooses one of the existing tokens or sessions.
#[derive(Debug, Clone)]
enum Step {
    Login,
    /// Presents the newest refresh token of a session, the one before, or any. The response may get lost.
    Refresh {
        session: Index,
        back: usize,
        lost: bool,
    },
    Use {
        token: Index,
    },
    Logout {
        token: Index,
        by_refresh: bool,
    },
    EndAll {
        token: Index,
        but_current: bool,
    },
    ChangePassword {
        token: Index,
    },
    Advance {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let one = any::<Index>;
    // Half of the times are near a boundary: the grace period, or the expiry of a token.
    let edge =
        prop::sample::select(vec![9, 10, 15 * MINUTE + LEEWAY - 1, 1, 30 * DAY - 1, 30 * DAY + LEEWAY]);
    let time =
        prop_oneof![3 => edge, 3 => 1..12_u64, 2 => 12..1_200_u64, 1 => 1_200..DAY, 2 => DAY..31 * DAY];
    prop_oneof![
        3 => Just(Step::Login),
        9 => (one(), prop_oneof![6 => Just(0), 4 => Just(1), 1 => Just(2), 1 => 0..9_usize], any::<bool>())
            .prop_map(|(session, back, lost)| Step::Refresh { session, back, lost }),
        6 => one().prop_map(|token| Step::Use { token }),
        1 => (one(), any::<bool>()).prop_map(|(token, by_refresh)| Step::Logout { token, by_refresh }),
        1 => (one(), any::<bool>()).prop_map(|(token, but_current)| Step::EndAll { token, but_current }),
        1 => one().prop_map(|token| Step::ChangePassword { token }),
        6 => time.prop_map(|seconds| Step::Advance { seconds }),
    ]
}

#[test]
fn the_service_accepts_the_same_tokens_as_the_model() {
    let cases = if std::env::var_os("TODO_API_TEST_LONG").is_some() { 5_000 } else { 80 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start());
    let state = app.state.clone();
    let mirror = runtime.spawn(async move { state.auth.mirror_blacklist().await });
    let config = Config { failure_persistence: None, ..Config::with_cases(cases) };
    let mut runner = TestRunner::new(config);
    let lives = proptest::collection::vec(step(), 1..20);
    let result = runner.run(&lives, |steps| {
        runtime.block_on(async { Life::begin(&app).await.live(steps).await });
        Ok(())
    });
    mirror.abort();
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
