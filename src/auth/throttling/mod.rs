//! Rate limits in the memory of this instance: attempts per address, and failed logins per name and address.
//!
//! A login counts as a failure from the moment it is admitted. Otherwise parallel guesses could pass the limit while
//! their passwords are being hashed. Afterwards [`Throttle::login_succeeded`] forgets all failures of the name and
//! address, and [`Throttle::login_undecided`] takes this one failure back. After a wrong password the caller does
//! nothing.
//!
//! All times are in milliseconds since 1970. If the clock is set back, no wait becomes longer than its rule says.
//!
//! **Invariant:** nothing here asks the database, and names are kept only as keyed hashes.

pub mod failed_logins;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;

use crate::clock::Clock;
use crate::error::Error;
use crate::http::client_address::Network;
use crate::owned::bounded_map::{BoundedMap, Expires};

/// Failed logins within an hour, in all instances, after which a name is under attack: see [`Throttle::admit_login`].
pub const FAILURES_UNDER_ATTACK: u64 = 100;

/// Attempts that a rate limit refused, by limit.
pub const THROTTLED: &str = "todo_api_throttled_total";

const BURST: i64 = 10;
// An address regains one attempt after this time: 10 a minute.
const INTERVAL_MILLIS: i64 = 6_000;

// Per name and address.
const FREE_FAILURES: u32 = 5;
// Doubles with each further failure.
const FIRST_WAIT_MILLIS: i64 = 2_000;
const LONGEST_WAIT_MILLIS: i64 = 15 * 60_000;
// All failures are forgotten this long after the last one.
const FAILURES_TTL_MILLIS: i64 = 60 * 60_000;

// A full map takes a few megabytes.
const MAX_ENTRIES: usize = 100_000;

pub struct Throttle {
    enabled: bool,
    clock: Clock,
    hash_key: RandomState,
    addresses: BoundedMap<Network, Allowance>,
    logins: BoundedMap<u64, Failures>,
}

impl Throttle {
    /// Unless `enabled`, it admits everything and keeps nothing.
    pub fn new(enabled: bool, clock: Clock) -> Self {
        Self::with_room_for(MAX_ENTRIES, enabled, clock)
    }

    fn with_room_for(entries: usize, enabled: bool, clock: Clock) -> Self {
        let hash_key = RandomState::new();
        Self {
            enabled,
            clock,
            hash_key,
            addresses: BoundedMap::new(entries),
            logins: BoundedMap::new(entries),
        }
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// All IPv6 addresses of one /64 count as one client, and so do all clients without a known address. The /56 and the
    /// /48 around it have limits of their own, which are higher.
    pub fn admit_address(&self, address: Option<IpAddr>) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        let (now, network) = (self.now(), Network::of(address));
        // Checked first, so that refused attempts from many /64 of one /48 do not fill the map.
        for (wider, factor) in network.wider() {
            let unused = Allowance { full_at: now };
            self.addresses.get(&wider).unwrap_or(unused).charge(now, factor)?;
        }
        self.charge(network, now, 1)?;
        // Charged last, because an attempt that its own /64 refuses must not count for its neighbours.
        network.wider().try_for_each(|(wider, factor)| self.charge(wider, now, factor))
    }

    /// Like [`Throttle::admit_address`], except that the attempt does not count.
    pub fn check_address(&self, address: Option<IpAddr>) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        let (now, network) = (self.now(), Network::of(address));
        std::iter::once((network, 1)).chain(network.wider()).try_for_each(|(network, factor)| {
            let unused = Allowance { full_at: now };
            self.addresses.get(&network).unwrap_or(unused).charge(now, factor).map(drop)
        })
    }

    fn charge(&self, network: Network, now: i64, factor: u32) -> Result<(), Error> {
        self.addresses.update(network, Allowance { full_at: now }, now, |allowance| {
            *allowance = allowance.charge(now, factor)?;
            Ok(())
        })
    }

    /// Counts one login as a failure until [`Throttle::login_succeeded`] or [`Throttle::login_undecided`] is called. A
    /// refused login does not count. The rule is the same whether or not a user has the normalized name `name_key`.
    pub fn admit_login(
        &self,
        name_key: &str,
        address: Option<IpAddr>,
        name_is_under_attack: bool,
    ) -> Result<(), Error> {
        if !self.enabled {
            return Ok(());
        }
        let now = self.now();
        self.logins.update(self.login_key(name_key, address), Failures::none(now), now, |failures| {
            // While the name is under attack, the longest wait follows the first failure. An address without a failure
            // still has one attempt, so that the owner of the account can log in from another address than the
            // attacker.
            let wait = match failures.count {
                0 => 0,
                _ if name_is_under_attack => LONGEST_WAIT_MILLIS,
                count => wait_after(count),
            };
            // `min`, because the clock may have been set back. The wait is then no longer than its rule says.
            refuse_for(failures.last_at.min(now) + wait - now)
                .inspect_err(|_| count_refusal("failed_logins"))?;
            *failures = Failures { count: failures.count.saturating_add(1), last_at: now };
            Ok(())
        })
    }

    pub fn login_succeeded(&self, name_key: &str, address: Option<IpAddr>) {
        self.logins.remove(&self.login_key(name_key, address));
    }

    /// The password could not be checked, for example in an outage: the login no longer counts as a failure.
    pub fn login_undecided(&self, name_key: &str, address: Option<IpAddr>) {
        self.logins.remove_if(&self.login_key(name_key, address), |failures| {
            // `last_at` stays, so the wait before the next login starts again and does not double.
            failures.count = failures.count.saturating_sub(1);
            failures.count == 0
        });
    }

    fn login_key(&self, name_key: &str, address: Option<IpAddr>) -> u64 {
        self.hash_key.hash_one((name_key, Network::of(address)))
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }
}

fn refuse_for(millis: i64) -> Result<(), Error> {
    match u64::try_from(millis) {
        Err(_) | Ok(0) => Ok(()),
        Ok(millis) => Err(Error::Throttled { retry_after: Duration::from_millis(millis) }),
    }
}

fn count_refusal(limit: &'static str) {
    counter!(THROTTLED, "limit" => limit).increment(1);
}

fn wait_after(failures: u32) -> i64 {
    match failures.checked_sub(FREE_FAILURES) {
        None => 0,
        Some(doublings) => {
            2_i64.saturating_pow(doublings).saturating_mul(FIRST_WAIT_MILLIS).min(LONGEST_WAIT_MILLIS)
        }
    }
}

#[derive(Clone, Copy)]
struct Allowance {
    /// When the whole burst is available again.
    full_at: i64,
}

impl Allowance {
    /// The generic cell rate algorithm (ITU-T I.371): it stores only one time. `factor` is how much higher the limit is.
    fn charge(self, now: i64, factor: u32) -> Result<Self, Error> {
        let (whole, one) = (BURST * INTERVAL_MILLIS, INTERVAL_MILLIS / i64::from(factor));
        let owed = (self.full_at - now).clamp(0, whole);
        refuse_for(owed + one - whole).inspect_err(|_| count_refusal("address"))?;
        Ok(Self { full_at: now + owed + one })
    }
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last_at: i64,
}

impl Failures {
    fn none(now: i64) -> Self {
        Self { count: 0, last_at: now }
    }
}

impl Expires for Allowance {
    fn expires_at(&self) -> i64 {
        self.full_at
    }
}

impl Expires for Failures {
    fn expires_at(&self) -> i64 {
        self.last_at + FAILURES_TTL_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bson::DateTime;

    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const AWAY: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));

    fn throttle() -> (Throttle, Clock) {
        let clock = Clock::held_at(DateTime::from_millis(1_700_000_000_000));
        (Throttle::new(true, clock.clone()), clock)
    }

    /// In milliseconds. 0 if the attempt was admitted.
    fn wait(answer: Result<(), Error>) -> u128 {
        match answer {
            Ok(()) => 0,
            Err(Error::Throttled { retry_after }) => retry_after.as_millis(),
            Err(other) => panic!("{other}"),
        }
    }

    /// How many of 50 simultaneous attempts are admitted.
    fn admitted_of_50(attempt: impl Fn() -> Result<(), Error> + Sync) -> usize {
        let (start, admitted) = (Barrier::new(50), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    start.wait();
                    admitted.fetch_add(usize::from(attempt().is_ok()), Ordering::SeqCst);
                });
            }
        });
        admitted.into_inner()
    }

    #[test]
    fn an_address_may_make_ten_attempts_at_once_and_then_ten_a_minute() {
        let (throttle, clock) = throttle();
        for _ in 0..10 {
            assert_eq!(wait(throttle.admit_address(HOME)), 0);
        }
        assert_eq!(wait(throttle.admit_address(HOME)), 6_000);
        assert_eq!(wait(throttle.admit_address(AWAY)), 0);
        clock.advance(Duration::from_millis(5_999));
        assert_eq!(wait(throttle.admit_address(HOME)), 1);
        for _ in 0..10 {
            clock.advance(Duration::from_secs(6));
            assert_eq!(wait(throttle.admit_address(HOME)), 0);
        }
        assert_eq!(wait(throttle.admit_address(HOME)), 1);
    }

    #[test]
    fn after_a_pause_an_address_may_make_ten_attempts_and_never_more() {
        let (throttle, clock) = throttle();
        for rest in [60, 60, 3_600] {
            assert_eq!((0..20).filter(|_| throttle.admit_address(HOME).is_ok()).count(), 10);
            clock.advance(Duration::from_secs(rest));
        }
    }

    #[test]
    fn an_ipv6_subscriber_with_many_networks_has_a_higher_limit_and_no_more() {
        let (throttle, clock) = throttle();
        let admitted = |template: fn(u16) -> [u16; 8]| {
            let addresses = (0..1_000).map(|n| IpAddr::from(template(n)));
            addresses.filter(|address| throttle.admit_address(Some(*address)).is_ok()).count()
        };
        let of_one_64: fn(u16) -> [u16; 8] = |n| [0x2001, 0xdb8, 1, 0, n, n, n, n];
        let of_one_56: fn(u16) -> [u16; 8] = |n| [0x2001, 0xdb8, 2, n % 256, 0, 0, 0, n];
        let of_one_48: fn(u16) -> [u16; 8] = |n| [0x2001, 0xdb8, 3, n << 8, 0, 0, 0, n];
        assert_eq!(admitted(of_one_64), 10);
        assert_eq!(admitted(of_one_56), 40);
        assert_eq!(throttle.addresses.len(), 3 + 42, "refused attempts leave no entries");
        assert_eq!(admitted(of_one_48), 160);
        clock.advance(Duration::from_mins(1));
        assert_eq!([of_one_64, of_one_56, of_one_48].map(admitted), [10, 40, 160]);
    }

    #[test]
    fn attempts_that_their_own_network_refuses_do_not_count_for_neighbours() {
        let (throttle, _) = throttle();
        let address = |host| Some(IpAddr::from([0x2001, 0xdb8, 1, host, 0, 0, 0, 1]));
        for _ in 0..1_000 {
            let _ = throttle.admit_address(address(1));
        }
        assert_eq!((0..50).filter(|_| throttle.admit_address(address(2)).is_ok()).count(), 10);
    }

    #[test]
    fn after_five_failures_waits_double_from_two_seconds_to_fifteen_minutes() {
        let (throttle, clock) = throttle();
        for _ in 0..5 {
            assert_eq!(wait(throttle.admit_login("ann", HOME, false)), 0);
        }
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
            assert_eq!(wait(throttle.admit_login("ann", HOME, false)), seconds * 1_000);
            clock.advance(Duration::from_secs(u64::try_from(seconds).unwrap()));
            assert_eq!(wait(throttle.admit_login("ann", HOME, false)), 0);
        }
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT_MILLIS);
    }

    #[test]
    fn failures_count_only_for_their_name_and_address() {
        let (throttle, _) = throttle();
        while throttle.admit_login("ann", HOME, false).is_ok() {}
        assert_eq!(wait(throttle.admit_login("ann", AWAY, false)), 0);
        assert_eq!(wait(throttle.admit_login("ben", HOME, false)), 0);
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let (throttle, _) = throttle();
        while throttle.admit_login("ann", HOME, false).is_ok() {}
        throttle.login_succeeded("ann", HOME);
        assert!(throttle.logins.is_empty());
        assert_eq!((0..9).filter(|_| throttle.admit_login("ann", HOME, false).is_ok()).count(), 5);
    }

    #[test]
    fn an_undecided_login_does_not_count_as_a_failure() {
        let (throttle, _) = throttle();
        for _ in 0..20 {
            assert_eq!(wait(throttle.admit_login("ann", HOME, false)), 0);
            throttle.login_undecided("ann", HOME);
        }
        assert!(throttle.logins.is_empty());
        for _ in 0..4 {
            throttle.admit_login("ann", HOME, false).unwrap();
        }
        for _ in 0..20 {
            assert_eq!(wait(throttle.admit_login("ann", HOME, false)), 0);
            throttle.login_undecided("ann", HOME);
        }
        throttle.login_undecided("ben", HOME);
    }

    #[test]
    fn failures_are_forgotten_an_hour_after_the_last() {
        let (throttle, clock) = throttle();
        for _ in 0..4 {
            throttle.admit_login("ann", HOME, false).unwrap();
        }
        clock.advance(Duration::from_millis(3_599_999));
        throttle.admit_login("ann", HOME, false).unwrap();
        assert_eq!(wait(throttle.admit_login("ann", HOME, false)), 2_000);
        clock.advance(Duration::from_hours(1));
        assert_eq!((0..9).filter(|_| throttle.admit_login("ann", HOME, false).is_ok()).count(), 5);
    }

    #[test]
    fn under_attack_an_address_has_one_attempt_every_fifteen_minutes() {
        let (throttle, clock) = throttle();
        assert_eq!(wait(throttle.admit_login("ann", HOME, true)), 0);
        assert_eq!(wait(throttle.admit_login("ann", HOME, true)), 900_000);
        assert_eq!(
            wait(throttle.admit_login("ann", AWAY, true)),
            0,
            "the owner of the account, from another address"
        );
        throttle.login_succeeded("ann", AWAY);
        assert_eq!(wait(throttle.admit_login("ann", AWAY, true)), 0, "a successful login clears the failure");
        clock.advance(Duration::from_mins(15));
        assert_eq!(wait(throttle.admit_login("ann", HOME, true)), 0);
    }

    #[test]
    fn parallel_attempts_do_not_exceed_the_limits() {
        let (throttle, _) = throttle();
        assert_eq!(admitted_of_50(|| throttle.admit_address(HOME)), 10);
        assert_eq!(admitted_of_50(|| throttle.admit_login("ann", HOME, false)), 5);
        assert_eq!(admitted_of_50(|| throttle.admit_login("ben", HOME, true)), 1);
    }

    #[test]
    fn a_full_map_forgets_expired_failures_and_then_the_oldest() {
        let clock = Clock::held_at(DateTime::from_millis(1_700_000_000_000));
        let throttle = Throttle::with_room_for(100, true, clock.clone());
        let knows = |name| throttle.logins.get(&throttle.login_key(name, None)).is_some();
        for round in 0..1_000 {
            throttle.admit_login(&format!("name {round}"), None, false).unwrap();
            assert!(throttle.logins.len() <= 100);
            clock.advance(Duration::from_millis(1));
        }
        assert!(throttle.logins.len() >= 90);
        assert!(knows("name 999") && knows("name 915") && !knows("name 899"));

        clock.advance(Duration::from_mins(59));
        throttle.admit_login("late", None, false).unwrap();
        clock.advance(Duration::from_mins(1));
        for round in 0..10 {
            throttle.admit_login(&format!("later {round}"), None, false).unwrap();
        }
        assert!(knows("late") && throttle.logins.len() == 11, "the others expired after an hour");
    }

    #[test]
    fn the_maps_stay_bounded_without_deadlock_under_parallel_use() {
        let (_, clock) = throttle();
        let throttle = Throttle::with_room_for(50, true, clock.clone());
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let (throttle, clock) = (&throttle, clock.clone());
                scope.spawn(move || {
                    for round in 0..2_000_u32 {
                        let address = Some(IpAddr::V4(Ipv4Addr::from_bits(round * 8 + u32::from(thread))));
                        throttle.admit_address(address).unwrap();
                        throttle.admit_login("ann", address, false).unwrap();
                        if round % 3 == 0 {
                            throttle.login_succeeded("ann", address);
                        }
                        clock.advance(Duration::from_millis(1));
                    }
                });
            }
        });
        assert!(throttle.addresses.len() <= 58 && throttle.logins.len() <= 58);
    }

    #[test]
    fn a_disabled_throttle_admits_everything_and_keeps_nothing() {
        let throttle = Throttle::new(false, throttle().1);
        for _ in 0..100 {
            throttle.admit_address(HOME).unwrap();
            throttle.admit_login("ann", HOME, true).unwrap();
            throttle.login_undecided("ann", HOME);
        }
        assert!(throttle.addresses.is_empty() && throttle.logins.is_empty());
    }
}
