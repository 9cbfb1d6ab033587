//! Fractional order keys: the position of a document among its siblings, so that a move writes one document only.
//!
//! A key is ASCII text over [`DIGITS`], compared byte by byte; the sort order everywhere is (position, `_id`). A document
//! that is added at either end gets its key from the time, so that neither end needs to be looked up and keys do not grow
//! there. Every key ends in random digits, so that two moves into the same gap at the same time get different keys.
//!
//! **Invariant:** no database access, and no trust that a stored key is well-formed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::DateTime;
use bson::oid::ObjectId;

// In ASCII order, so that MongoDB, which compares strings byte by byte, compares the digits.
pub const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub const LENGTH_MAX: usize = 64;

const BASE: u8 = 62;
// `Z`: keys at the front sort below keys at the end. The time after this digit counts down.
const FIRST: u8 = 35;
// `a`: the time after this digit counts up.
const LAST: u8 = 36;
const MILLISECOND_DIGITS: usize = 8;
// One more than the highest number of `MILLISECOND_DIGITS` digits.
const MILLIS_END: i64 = (BASE as i64).pow(8);
/// [`at_seconds`] takes no time that is further away from 1970.
pub const SECONDS_MAX: i64 = MILLIS_END / 1_000 - 1;
const COUNTER_DIGITS: usize = 3;
const TICK_DIGITS: usize = MILLISECOND_DIGITS + COUNTER_DIGITS;
// 62³ keys. A process that needs more in a millisecond borrows from the next.
const TICKS_PER_MILLISECOND: u64 = 62 * 62 * 62;
const RANDOM_DIGITS: usize = 3;
// Shorter than `LENGTH_MAX`, so that dozens of longer keys fit at one place.
const SPREAD_LENGTH_MAX: usize = 48;

/// Makes keys. Clones share a counter.
#[derive(Debug, Default, Clone)]
pub struct OrderKeys {
    /// The tick of the newest key: milliseconds since 1970 times [`TICKS_PER_MILLISECOND`], plus a counter.
    newest: Arc<AtomicU64>,
}

impl OrderKeys {
    /// A key of 15 characters after all keys made so far.
    pub fn last(&self, now: DateTime) -> String {
        with_random_end([LAST].into_iter().chain(self.tick(now)))
    }

    /// A key of 15 characters before all keys made so far.
    pub fn first(&self, now: DateTime) -> String {
        with_random_end([FIRST].into_iter().chain(self.tick(now).map(|digit| BASE - 1 - digit)))
    }

    /// A key strictly between two neighbours; a neighbour that is `None` is the end of the order on that side. `None`
    /// if the neighbours are equal, out of order, or leave no room: then they need new keys, see [`OrderKeys::spread`].
    pub fn between(&self, lower: Option<&str>, upper: Option<&str>, now: DateTime) -> Option<String> {
        let is_between = |key: &String| {
            lower.is_none_or(|lower| lower < key.as_str()) && upper.is_none_or(|upper| key.as_str() < upper)
        };
        let (low, high) = (digits_of(lower.unwrap_or_default()), upper.map(digits_of));
        let (from_the_time, beyond) = match (lower, &high) {
            (Some(_), Some(_)) => (None, None),
            (_, None) => (Some(self.last(now)), beyond(&low, true)),
            (None, Some(high)) => (Some(self.first(now)), beyond(high, false)),
        };
        // A key from the time keeps keys short. Each candidate is checked, because the neighbour can be malformed or
        // come from an instance with a fast clock.
        from_the_time
            .filter(is_between)
            .or_else(|| beyond.map(with_random_end).filter(is_between))
            .or_else(|| midpoint(&low, high.as_deref()).map(with_random_end).filter(is_between))
            .filter(|key| key.len() <= LENGTH_MAX)
    }

    /// `count` ascending keys, evenly spread between two neighbours. `None` if there is no room: then the caller must
    /// try neighbours twice as far apart. Between the two ends of the order there is always room.
    pub fn spread(
        &self,
        lower: Option<&str>,
        upper: Option<&str>,
        count: usize,
        now: DateTime,
    ) -> Option<Vec<String>> {
        let mut keys = vec![String::new(); count];
        self.fill(&mut keys, lower, upper, now)?;
        keys.iter().all(|key| key.len() <= SPREAD_LENGTH_MAX).then_some(keys)
    }

    fn fill(
        &self,
        keys: &mut [String],
        lower: Option<&str>,
        upper: Option<&str>,
        now: DateTime,
    ) -> Option<()> {
        // The middle first, so that every key halves its gap and stays short.
        let (left, rest) = keys.split_at_mut(keys.len() / 2);
        let Some((middle, right)) = rest.split_first_mut() else { return Some(()) };
        *middle = self.between(lower, upper, now)?;
        self.fill(left, lower, Some(middle), now)?;
        self.fill(right, Some(middle), upper, now)
    }

    fn tick(&self, now: DateTime) -> [u8; TICK_DIGITS] {
        let now = milliseconds(now).saturating_mul(TICKS_PER_MILLISECOND);
        // Orders the keys of one millisecond, and all keys of this process if the clock stands still or goes back.
        let next = |newest: u64| newest.saturating_add(1).max(now);
        number(next(self.newest.update(Ordering::Relaxed, Ordering::Relaxed, next)))
    }
}

/// The key of a todo that an earlier release stored without one, as if it had been put last when it was created.
pub fn migrated(created_at: DateTime, id: ObjectId) -> String {
    let [.., a, b, c] = id.bytes();
    let time: [u8; MILLISECOND_DIGITS] = number(milliseconds(created_at));
    // The last three bytes of an id are a counter, which orders the todos of one millisecond.
    let counter: [u8; 5] = number(u64::from(u32::from_be_bytes([0, a, b, c])));
    // No random end, so that a repeated migration gives a todo the same key.
    text([LAST].into_iter().chain(time).chain(counter).chain([BASE / 2]))
}

/// The key of a document that comes at this time in the order, in seconds since 1970. Keys of the end have the times at which
/// they were made, and keys of the front have times before 1970.
pub fn at_seconds(seconds: i64) -> String {
    let millis = seconds.clamp(-SECONDS_MAX, SECONDS_MAX) * 1_000;
    let (half, value) = if millis < 0 { (FIRST, millis + MILLIS_END) } else { (LAST, millis) };
    let time: [u8; MILLISECOND_DIGITS] = number(u64::try_from(value).unwrap_or(0));
    with_random_end([half].into_iter().chain(time))
}

/// The reverse of [`at_seconds`] for every key. Keys close to each other can have the same second.
pub fn seconds_of(key: &str) -> i64 {
    let digits = digits_of(key);
    let digit = |place: usize| i64::from(digits.get(place).copied().unwrap_or(0));
    let value = (1..=MILLISECOND_DIGITS).fold(0, |sum, place| sum * i64::from(BASE) + digit(place));
    let millis = match digits.first() {
        Some(&FIRST) => value - MILLIS_END,
        Some(&LAST) => value,
        Some(first) if *first > LAST => MILLIS_END,
        _ => -MILLIS_END,
    };
    millis.div_euclid(1_000).clamp(-SECONDS_MAX, SECONDS_MAX)
}

fn milliseconds(time: DateTime) -> u64 {
    u64::try_from(time.timestamp_millis()).unwrap_or(0)
}

/// The last `N` digits of a number, highest first.
fn number<const N: usize>(mut value: u64) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        *digit = u8::try_from(value % u64::from(BASE)).unwrap_or(0);
        value /= u64::from(BASE);
    }
    digits
}

/// The digits of a stored key, which can be malformed.
fn digits_of(key: &str) -> Vec<u8> {
    // A byte that is not a digit becomes the next higher digit. The caller checks the result.
    let digit = |byte| u8::try_from(DIGITS.partition_point(|digit| *digit < byte)).unwrap_or(BASE);
    key.bytes().take(LENGTH_MAX).map(|byte| digit(byte).min(BASE - 1)).collect()
}

fn text(digits: impl IntoIterator<Item = u8>) -> String {
    digits.into_iter().filter_map(|digit| DIGITS.get(usize::from(digit))).copied().map(char::from).collect()
}

fn with_random_end(digits: impl IntoIterator<Item = u8>) -> String {
    let mut random = [0; RANDOM_DIGITS];
    // A failure is ignored: without random digits two keys can be equal, and then the ids order their documents.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let [head @ .., last] = random;
    // The last digit is never `0`, because there would be no room below the key.
    text(digits.into_iter().chain(head.map(|byte| byte % BASE)).chain([1 + last % (BASE - 1)]))
}

/// One tick beyond the only neighbour, above or below it.
fn beyond(neighbour: &[u8], is_above: bool) -> Option<Vec<u8>> {
    // For a neighbour from an instance with a fast clock. A midpoint would be beyond all keys that the time will
    // produce.
    let (spent, fresh) = if is_above { (BASE - 1, 0) } else { (0, BASE - 1) };
    let padding = [0; 1 + TICK_DIGITS];
    let mut digits: Vec<u8> = neighbour.iter().copied().chain(padding).take(padding.len()).collect();
    let place = digits.iter().rposition(|digit| *digit != spent)?;
    digits[place] = if is_above { digits[place] + 1 } else { digits[place] - 1 };
    digits[place + 1..].fill(fresh);
    Some(digits)
}

/// The digits of a number between two others, all read as fractions; an `upper` of `None` is 1.
fn midpoint(lower: &[u8], mut upper: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut middle = Vec::new();
    for place in 0..LENGTH_MAX {
        let digit = |digits: &[u8]| digits.get(place).copied().unwrap_or(0);
        let (low, high) = (digit(lower), upper.map_or(BASE, digit));
        if high < low {
            return None;
        }
        middle.push(low.midpoint(high));
        // Stops at the first digit that is between them, so that keys stay short.
        if high - low > 1 {
            return Some(middle);
        }
        if low < high {
            // The digits so far are below `upper`, so the digits that follow have no upper bound.
            upper = None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    const NOW: i64 = 1_790_000_000_000;

    fn is_a_key(key: &str) -> bool {
        key.len() <= LENGTH_MAX && key.bytes().all(|byte| DIGITS.contains(&byte)) && !key.ends_with('0')
    }

    #[test]
    fn last_is_after_all_keys_even_if_the_clock_stands_still_or_goes_back() {
        let positions = OrderKeys::default();
        let times =
            (0..2_000).map(|n| NOW + n).chain(repeat_n(NOW, 50_000)).chain((0..2_000).map(|n| NOW - n));
        let keys: Vec<_> = times.map(|time| positions.last(at(time))).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert!(keys.iter().all(|key| is_a_key(key) && key.len() == 15));
    }

    #[test]
    fn first_is_before_all_keys_even_if_the_clock_stands_still_or_goes_back() {
        let positions = OrderKeys::default();
        let times =
            (0..2_000).map(|n| NOW + n).chain(repeat_n(NOW, 50_000)).chain((0..2_000).map(|n| NOW - n));
        let keys: Vec<_> = times.map(|time| positions.first(at(time))).collect();
        assert!(keys.is_sorted_by(|a, b| a > b));
        assert!(keys.iter().all(|key| is_a_key(key) && key.len() == 15 && *key < positions.last(at(0))));
    }

    #[test]
    fn keys_of_two_instances_in_one_millisecond_differ_and_precede_the_next_millisecond() {
        let keys: Vec<_> = (0..20).map(|_| OrderKeys::default().last(at(NOW))).collect();
        assert!(keys.iter().any(|key| *key != keys[0]));
        let next = OrderKeys::default().last(at(NOW + 1));
        assert!(keys.iter().all(|key| *key < next));
    }

    #[test]
    fn a_neighbour_from_a_clock_ahead_is_passed_by_one_tick_and_keys_do_not_grow() {
        let (ahead, behind) = (OrderKeys::default(), OrderKeys::default());
        let (mut last, mut first) = (ahead.last(at(NOW + 5_000)), ahead.first(at(NOW + 5_000)));
        for _ in 0..1_000 {
            let after = behind.between(Some(&last), None, at(NOW)).unwrap();
            let before = behind.between(None, Some(&first), at(NOW)).unwrap();
            assert!(last < after && before < first && after.len() == 15 && before.len() == 15);
            assert!(after < behind.last(at(NOW + 5_001)), "time catches up");
            (last, first) = (after, before);
        }
    }

    #[test]
    fn two_moves_into_the_same_gap_differ() {
        let between = || OrderKeys::default().between(Some("a1"), Some("a3"), at(NOW)).unwrap();
        assert!((0..20).map(|_| between()).any(|key| key != between()));
        assert_eq!((between().len(), &between()[..2]), (5, "a2"));
    }

    #[test]
    fn nothing_is_between_neighbours_that_are_equal_or_out_of_order_or_leave_no_room() {
        let long = "V".repeat(LENGTH_MAX);
        let longer = format!("{long}V");
        for (lower, upper) in [("a", "a"), ("b", "a"), ("a", "a0"), ("", ""), ("", "000"), (&long, &longer)] {
            let positions = OrderKeys::default();
            assert_eq!(positions.between(Some(lower), Some(upper), at(NOW)), None, "{lower} {upper}");
        }
        assert_eq!(OrderKeys::default().between(None, Some("0"), at(NOW)), None);
        assert_eq!(OrderKeys::default().between(Some("é"), None, at(NOW)), None);
        assert!(OrderKeys::default().between(Some("zzzzzzzzzzzzzzzV"), None, at(NOW)).is_some());
        assert!(OrderKeys::default().between(None, Some("000000000000000V"), at(NOW)).is_some());
    }

    #[test]
    fn migrated_todos_are_in_the_order_of_their_creation_and_before_new_todos() {
        let id = |counter: u8| ObjectId::from_bytes([9 - counter, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, counter]);
        let created = [(NOW - 9, id(9)), (NOW - 1, id(1)), (NOW - 1, id(2)), (NOW - 1, id(3)), (NOW, id(0))];
        let keys: Vec<_> = created.iter().map(|(time, id)| migrated(at(*time), *id)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(keys.iter().all(|key| is_a_key(key) && *key < OrderKeys::default().last(at(NOW + 1))));
        assert_eq!(migrated(at(NOW), id(1)), migrated(at(NOW), id(1)));
        assert!(is_a_key(&migrated(at(i64::MIN), id(0))) && is_a_key(&migrated(at(i64::MAX), id(0))));
    }

    #[test]
    fn a_key_of_a_second_comes_in_its_order() {
        let at_both_ends = [-SECONDS_MAX, -1_790_000_000, -1, 0, 1, 1_790_000_000, SECONDS_MAX];
        for seconds in at_both_ends {
            let key = at_seconds(seconds);
            assert!(is_a_key(&key) && key.len() == 12, "{key}");
            assert_eq!(seconds_of(&key), seconds);
        }
        assert!(at_both_ends.map(at_seconds).is_sorted_by(|a, b| a < b));
        assert_eq!(seconds_of(&at_seconds(i64::MAX)), SECONDS_MAX);
        let positions = OrderKeys::default();
        assert_eq!(seconds_of(&positions.last(at(NOW + 999))), NOW / 1_000);
        assert!(seconds_of(&positions.first(at(NOW))) < 0);
        assert_eq!(seconds_of(&migrated(at(NOW), ObjectId::new())), NOW / 1_000);
    }

    /// Lists kept in the order of their keys.
    struct Model {
        positions: OrderKeys,
        /// In order: the thing and its key.
        list: Vec<(usize, String)>,
        now: i64,
        spreads: usize,
        widest: usize,
    }

    impl Model {
        fn of(count: usize) -> Self {
            let positions = OrderKeys::default();
            let list = (0..count).map(|n| (n, positions.last(at(NOW)))).collect();
            Self { positions, list, now: NOW, spreads: 0, widest: 0 }
        }

        /// With hardly any room between the keys of every ten.
        fn crowded(count: usize) -> Self {
            let key = |n: u64| {
                text(number::<2>(n / 10).into_iter().chain(repeat_n(30, 60)).chain(number::<1>(10 + n % 10)))
            };
            let list = (0..).map(key).enumerate().take(count).collect();
            Self { list, ..Self::of(0) }
        }

        fn key(&self, place: Option<usize>) -> Option<&str> {
            self.list.get(place?).map(|(_, key)| key.as_str())
        }

        /// Puts a thing at a place, and new keys around it when there is no room.
        fn insert(&mut self, place: usize, thing: usize) {
            let around = |width: usize| (place.checked_sub(width + 1), place + width);
            let (before, after) = around(0);
            if let Some(key) = self.positions.between(self.key(before), self.key(Some(after)), at(self.now)) {
                return self.list.insert(place, (thing, key));
            }
            self.list.insert(place, (thing, String::new()));
            for width in (0..).map(|n| 32 << n) {
                let (from, to) = (place.saturating_sub(width), (place + width + 1).min(self.list.len()));
                let (lower, upper) = (self.key(from.checked_sub(1)), self.key(Some(to)));
                let Some(keys) = self.positions.spread(lower, upper, to - from, at(self.now)) else {
                    continue;
                };
                for ((_, key), new) in self.list[from..to].iter_mut().zip(keys) {
                    *key = new;
                }
                self.spreads += 1;
                self.widest = self.widest.max(width);
                return;
            }
        }

        fn check(&self) {
            assert!(self.list.is_sorted_by(|(_, a), (_, b)| a < b));
            assert!(self.list.iter().all(|(_, key)| is_a_key(key)));
        }
    }

    #[test]
    fn ten_thousand_moves_keep_the_order() {
        let mut model = Model::crowded(200);
        let mut order: Vec<usize> = (0..200).collect();
        let mut runner = TestRunner::deterministic();
        for n in 0..10_000 {
            let (from, to) = (0..200_usize, 0..200_usize).new_tree(&mut runner).unwrap().current();
            model.now += i64::from(n % 3);
            let (thing, _) = model.list.remove(from);
            model.insert(to, thing);
            let expected = order.remove(from);
            order.insert(to, expected);
            if n % 100 == 0 {
                model.check();
            }
        }
        model.check();
        let mut sorted = model.list.clone();
        sorted.sort_by(|(_, a), (_, b)| a.cmp(b));
        assert_eq!(sorted.into_iter().map(|(thing, _)| thing).collect::<Vec<_>>(), order);
        assert!(model.spreads > 0 && model.widest == 32, "{} {}", model.spreads, model.widest);
    }

    #[test]
    fn always_moving_to_the_same_place_never_ends_and_keys_stay_short() {
        let places: [fn(usize) -> usize; 5] = [|_| 50, |n| 50 + n, |n| 50 + n / 2, |_| 0, |n| 100 + n];
        for place in places {
            let mut model = Model::of(100);
            for n in 0..3_000 {
                model.insert(place(n), 100 + n);
            }
            model.check();
            assert!(model.spreads < 50, "{}", model.spreads);
        }
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof!["[0-9A-Za-z]{0,40}[1-9A-Za-z]", "[01z]{0,8}[1z]", "a[01]{0,14}[1-9]", "Z[yz]{0,14}[1-9]"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_key_between_two_is_strictly_between(a in key(), b in key(), now in any::<i64>()) {
            let (lower, upper) = if a < b { (a, b) } else { (b, a) };
            prop_assume!(lower < upper);
            let positions = OrderKeys::default();
            let key = positions.between(Some(&lower), Some(&upper), at(now)).unwrap();
            prop_assert!(lower < key && key < upper && is_a_key(&key));
            let (above, below) = (
                positions.between(Some(&upper), None, at(now)).unwrap(),
                positions.between(None, Some(&lower), at(now)).unwrap(),
            );
            prop_assert!(above > upper && below < lower && is_a_key(&above) && is_a_key(&below));
        }

        #[test]
        fn spread_keys_are_strictly_between_and_ascending_and_short(a in key(), b in key(), count in 0..100_usize) {
            let (lower, upper) = if a < b { (a, b) } else { (b, a) };
            prop_assume!(lower < upper);
            let positions = OrderKeys::default();
            for (lower, upper) in
                [(Some(lower.as_str()), Some(upper.as_str())), (Some(&lower), None), (None, Some(&upper)), (None, None)]
            {
                let keys = positions.spread(lower, upper, count, at(NOW)).unwrap();
                prop_assert_eq!(keys.len(), count);
                prop_assert!(keys.is_sorted_by(|a, b| a < b) && keys.iter().all(|key| is_a_key(key)));
                prop_assert!(keys.iter().all(|key| lower.is_none_or(|lower| lower < key.as_str())));
                prop_assert!(keys.iter().all(|key| upper.is_none_or(|upper| key.as_str() < upper)));
                let longest = lower.map_or(0, str::len).max(upper.map_or(0, str::len)).max(15);
                prop_assert!(keys.iter().all(|key| key.len() <= longest + 6), "{:?}", keys);
            }
        }

        #[test]
        fn seconds_are_in_the_order_of_their_keys(a in key(), b in key(), seconds in any::<i64>()) {
            let (lower, upper) = if a < b { (&a, &b) } else { (&b, &a) };
            prop_assert!(seconds_of(lower) <= seconds_of(upper));
            prop_assert_eq!(seconds_of(&at_seconds(seconds)), seconds.clamp(-SECONDS_MAX, SECONDS_MAX));
        }

        #[test]
        fn garbage_does_no_harm(a in any::<Option<String>>(), b in any::<Option<String>>(), now in any::<i64>()) {
            let positions = OrderKeys::default();
            let (lower, upper) = (a.as_deref(), b.as_deref());
            let keys: Vec<_> = positions.between(lower, upper, at(now)).into_iter()
                .chain(positions.spread(lower, upper, 5, at(now)).unwrap_or_default()).collect();
            for key in keys {
                prop_assert!(lower.is_none_or(|lower| lower < key.as_str()) && is_a_key(&key));
                prop_assert!(upper.is_none_or(|upper| key.as_str() < upper));
            }
        }
    }
}
