//! `X-APPLE-SORT-ORDER`, by which Apple's apps, Tasks.org, Nextcloud Tasks and Planify sort todos: whole seconds since 2001,
//! ascending. A todo without the line counts with the time of its creation.
//!
//! Positions of todos come from the time as well, so the two translate into each other without a look at the siblings.

use bson::DateTime;

use crate::owned::order_key;

// 2001-01-01T00:00:00Z
const EPOCH: i64 = 978_307_200;

/// Of a todo at this position.
pub fn order_of(position: &str) -> i64 {
    order_key::seconds_of(position) - EPOCH
}

/// The position of a todo with this value, or `None` if it is too far away.
pub fn position_of(order: i64) -> Option<String> {
    let seconds = order.checked_add(EPOCH)?;
    (seconds.abs() <= order_key::SECONDS_MAX).then(|| order_key::at_seconds(seconds))
}

/// Of a todo without the line.
pub fn default_order(created_at: DateTime) -> i64 {
    created_at.timestamp_millis().div_euclid(1_000) - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_position_of_its_own() {
        for order in [-5_000_000_000, -1, 0, 1, 2, 816_000_000, 5_000_000_000] {
            assert_eq!(position_of(order).map(|position| order_of(&position)), Some(order));
        }
        assert_eq!(position_of(i64::MAX), None);
        assert_eq!(position_of(i64::MIN), None);
        assert!(position_of(-3) < position_of(-2) && position_of(1) < position_of(2));
    }
}
