//! Positions among siblings in the order that the user chose: finds the position between two neighbours.
//!
//! **Invariant:** siblings get new positions only where there is no room between them, and never a new order.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::collection::OwnedBy;
use super::order_key::OrderKeys;
use super::update::note_of;
use super::{Owned, Selection};
use crate::error::Error;

// Siblings on each side of a crowded place that get new positions in the first attempt.
const WINDOW: i64 = 32;

pub enum InsertionPoint<'t, T> {
    End,
    Before(&'t T),
    After(&'t T),
}

pub struct Siblings {
    pub filter: Document,
    /// The name of the index that has the siblings in their order.
    pub index: &'static str,
    /// The document that is moved.
    pub except: ObjectId,
    /// Its position, if it is one of the siblings already.
    pub current: Option<String>,
}

#[derive(Clone, Copy)]
enum Side {
    Below,
    Above,
}

struct Bound<'t, T> {
    sibling: &'t T,
    is_inclusive: bool,
}

impl Siblings {
    /// The position for a document at `point`, which is the current one if the document is there already. `None` if there was
    /// no room: the siblings around `point` have been spread, and the caller must read its sibling again and retry.
    pub async fn position<T: Owned>(
        &self,
        documents: &OwnedBy<'_, T>,
        point: &InsertionPoint<'_, T>,
        order_keys: &OrderKeys,
        now: DateTime,
    ) -> Result<Option<String>, Error> {
        let (below, above) = self.around(documents, point, 1).await?;
        if let Some(current) = self.current_between(below.first(), above.first()) {
            return Ok(Some(current.to_owned()));
        }
        let (low, high) = (below.first().map(T::position), above.first().map(T::position));
        if let Some(position) = order_keys.between(low, high, now) {
            return Ok(Some(position));
        }
        self.spread(documents, point, order_keys, now).await?;
        Ok(None)
    }

    fn current_between<T: Owned>(&self, low: Option<&T>, high: Option<&T>) -> Option<&str> {
        let current = self.current.as_deref()?;
        // Two documents can have equal positions. Their ids order them.
        let (order, place) =
            (|sibling: &T| (sibling.position().to_owned(), sibling.id()), (current.to_owned(), self.except));
        let is_after = low.is_none_or(|low| order(low) < place);
        let is_before = high.is_none_or(|high| order(high) > place);
        (is_after && is_before).then_some(current)
    }

    async fn around<T: Owned>(
        &self,
        documents: &OwnedBy<'_, T>,
        point: &InsertionPoint<'_, T>,
        limit: i64,
    ) -> Result<(Vec<T>, Vec<T>), Error> {
        let (sibling, is_above) = match point {
            InsertionPoint::End => {
                return Ok((self.on_side(documents, Side::Below, None, limit).await?, Vec::new()));
            }
            InsertionPoint::Before(sibling) => (*sibling, true),
            InsertionPoint::After(sibling) => (*sibling, false),
        };
        let (below, above) =
            (Bound { sibling, is_inclusive: !is_above }, Bound { sibling, is_inclusive: is_above });
        Ok((
            self.on_side(documents, Side::Below, Some(below), limit).await?,
            self.on_side(documents, Side::Above, Some(above), limit).await?,
        ))
    }

    async fn on_side<T: Owned>(
        &self,
        documents: &OwnedBy<'_, T>,
        side: Side,
        bound: Option<Bound<'_, T>>,
        limit: i64,
    ) -> Result<Vec<T>, Error> {
        let mut filter = self.filter.clone();
        let mut all = vec![doc! { "_id": { "$ne": self.except } }];
        if let Some(Bound { sibling, is_inclusive }) = bound {
            // Two documents can have equal positions. Their ids order them, so only the comparison of ids is inclusive.
            let beyond = [
                doc! { "position": { side.comparison(false): sibling.position() } },
                doc! { "position": sibling.position(), "_id": { side.comparison(is_inclusive): sibling.id() } },
            ];
            all.push(doc! { "$or": beyond.to_vec() });
        }
        filter.insert("$and", all);
        let sort = doc! { "position": side.direction(), "_id": side.direction() };
        documents.select(Selection { filter, sort, index: self.index, limit }).await
    }

    async fn spread<T: Owned>(
        &self,
        documents: &OwnedBy<'_, T>,
        point: &InsertionPoint<'_, T>,
        order_keys: &OrderKeys,
        now: DateTime,
    ) -> Result<(), Error> {
        let mut width = WINDOW;
        let (window, positions) = loop {
            // The last of more than `width` siblings keeps its position and bounds the window.
            let (mut below, mut above) = self.around(documents, point, width + 1).await?;
            let bound = |side: &mut Vec<T>| {
                let is_bounded = i64::try_from(side.len()).is_ok_and(|found| found > width);
                if is_bounded { side.pop() } else { None }
            };
            let (low, high) = (bound(&mut below), bound(&mut above));
            let window: Vec<T> = below.into_iter().rev().chain(above).collect();
            let (low, high) = (low.as_ref().map(T::position), high.as_ref().map(T::position));
            // This ends, because a window that reaches an end of the order always has room.
            if let Some(positions) = order_keys.spread(low, high, window.len(), now) {
                break (window, positions);
            }
            width *= 2;
        };
        // First the siblings that move up, from the top; then those that move down, from the bottom. So no step moves a
        // sibling past another, and a crash between two steps leaves the order as it was.
        let (up, down): (Vec<_>, Vec<_>) = window
            .into_iter()
            .zip(positions)
            .partition(|(sibling, position)| sibling.position() < position.as_str());
        for (mut sibling, position) in up.into_iter().rev().chain(down) {
            let (seen, note) = (sibling.version(), note_of(&mut sibling));
            if !documents.swap(&sibling.moved(position, now), seen, note).await? {
                // Another request changed this sibling, so the next ones could move past it. The caller retries, and
                // spreads again if there is still no room.
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Side {
    fn comparison(self, is_inclusive: bool) -> &'static str {
        match (self, is_inclusive) {
            (Self::Below, false) => "$lt",
            (Self::Below, true) => "$lte",
            (Self::Above, false) => "$gt",
            (Self::Above, true) => "$gte",
        }
    }

    /// The sort direction that returns the nearest sibling first.
    fn direction(self) -> i32 {
        match self {
            Self::Below => -1,
            Self::Above => 1,
        }
    }
}
