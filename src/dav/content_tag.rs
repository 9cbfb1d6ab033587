//! The hash of a version of a todo, of which the tag of a collection consists.

use bson::oid::ObjectId;

use crate::crypto::sha256::sha256;

/// The sum of two sets of versions is equal only if the sets are.
pub(crate) fn of(id: ObjectId, version: i64) -> u64 {
    let mut input = id.bytes().to_vec();
    input.extend(version.to_be_bytes());
    sha256(&input).iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_every_todo_has_a_hash_of_its_own() {
        let ids = [[1; 12], [2; 12]].map(ObjectId::from_bytes);
        let all = ids.into_iter().flat_map(|id| (1..1_000).map(move |version| of(id, version)));
        assert_eq!(all.collect::<std::collections::BTreeSet<_>>().len(), 2 * 999);
    }
}
