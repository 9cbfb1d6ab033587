//! Places in an order that the user makes: which position puts something between two siblings. Must not move anything
//! but siblings that stand too close.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::collection::OwnedBy;
use super::order_key::OrderKeys;
use super::{Owned, Selection};
use crate::error::Error;

/// How many siblings on each side get new positions where there is no room left, for a start.
const WINDOW: i64 = 32;

/// Where among its siblings something is to be put.
pub enum InsertionPoint<'t, T> {
    /// Behind all.
    End,
    /// Right before this one.
    Before(&'t T),
    /// Right behind this one.
    Behind(&'t T),
}

/// Those among which a place is looked for.
pub struct Siblings {
    /// The filter that names them.
    pub filter: Document,
    /// The index that has them in their order.
    pub index: &'static str,
    /// What is moved, which does not count.
    pub but: ObjectId,
}

impl Siblings {
    /// The position that puts something at `target`. Where siblings stand too close they are spread first; the order
    /// they have does not change by that, and a crash half-way leaves it as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn position<T: Owned>(
        &self,
        own: &OwnedBy<'_, T>,
        target: &InsertionPoint<'_, T>,
        positions: &OrderKeys,
        now: DateTime,
    ) -> Result<Option<String>, Error> {
        let (below, above) = self.around(own, target, 1).await?;
        let (low, high) = (below.first().map(T::position), above.first().map(T::position));
        if let Some(position) = positions.between(low, high, now) {
            return Ok(Some(position));
        }
        self.spread(own, target, positions, now).await?;
        Ok(None)
    }

    /// The siblings on both sides of a target, the nearest first.
    async fn around<T: Owned>(
        &self,
        own: &OwnedBy<'_, T>,
        target: &InsertionPoint<'_, T>,
        limit: i64,
    ) -> Result<(Vec<T>, Vec<T>), Error> {
        Ok(match target {
            InsertionPoint::End => (self.beside(own, None, -1, limit).await?, Vec::new()),
            InsertionPoint::Before(sibling) => (
                self.beside(own, Some((sibling, "$lt")), -1, limit).await?,
                self.beside(own, Some((sibling, "$gte")), 1, limit).await?,
            ),
            InsertionPoint::Behind(sibling) => (
                self.beside(own, Some((sibling, "$lte")), -1, limit).await?,
                self.beside(own, Some((sibling, "$gt")), 1, limit).await?,
            ),
        })
    }

    async fn beside<T: Owned>(
        &self,
        own: &OwnedBy<'_, T>,
        bound: Option<(&T, &str)>,
        direction: i32,
        limit: i64,
    ) -> Result<Vec<T>, Error> {
        let mut filter = self.filter.clone();
        let mut all = vec![doc! { "_id": { "$ne": self.but } }];
        if let Some((sibling, comparison)) = bound {
            let strictly = &comparison[..3];
            let ways = [
                doc! { "position": { strictly: sibling.position() } },
                doc! { "position": sibling.position(), "_id": { comparison: sibling.id() } },
            ];
            all.push(doc! { "$or": ways.to_vec() });
        }
        filter.insert("$and", all);
        let sort = doc! { "position": direction, "_id": direction };
        own.select(Selection { filter, sort, index: self.index, limit }).await
    }

    async fn spread<T: Owned>(
        &self,
        own: &OwnedBy<'_, T>,
        target: &InsertionPoint<'_, T>,
        positions: &OrderKeys,
        now: DateTime,
    ) -> Result<(), Error> {
        let mut width = WINDOW;
        let (window, room) = loop {
            let (mut below, mut above) = self.around(own, target, width + 1).await?;
            let bound = |side: &mut Vec<T>| {
                let is_bounded = i64::try_from(side.len()).is_ok_and(|found| found > width);
                if is_bounded { side.pop() } else { None }
            };
            let (low, high) = (bound(&mut below), bound(&mut above));
            let window: Vec<T> = below.into_iter().rev().chain(above).collect();
            let (low, high) = (low.as_ref().map(T::position), high.as_ref().map(T::position));
            // A window that reaches an end of the list always has room.
            if let Some(room) = positions.spread(low, high, window.len(), now) {
                break (window, room);
            }
            width *= 2;
        };
        // Those that go up go first, from the top; then those that go down, from the bottom: no step, and no crash
        // between two steps, puts one beyond another.
        let (up, down): (Vec<_>, Vec<_>) = window
            .into_iter()
            .zip(room)
            .partition(|(sibling, position)| sibling.position() < position.as_str());
        for (sibling, position) in up.into_iter().rev().chain(down) {
            let seen = sibling.version();
            own.swap(&sibling.moved(position, now), seen).await?;
        }
        Ok(())
    }
}
