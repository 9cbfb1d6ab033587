//! One stream of events, from its token to its end. Must not send anything to a session that has ended.
//!
//! It listens first, then reads what has changed since its token, and then passes on what it heard meanwhile, but what
//! it has already told. When it is cut off because its reader is slow, it does the same again.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use bson::Timestamp;
use bson::oid::ObjectId;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::changes::PAGE_MAX;
use super::hub::{Hub, Subscription};
use super::kind::{ChangedObject, ObjectState};
use super::token::SyncToken;
use super::wire::{self, ByeReason};
use crate::auth::operations::Auth;
use crate::auth::token::Claims;
use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::{Error, TokenRejection};
use crate::workspace::Workspaces;

/// The most time without a sign of life.
pub const PING: Duration = Duration::from_secs(15);
/// When a client should come back whose connection has ended.
const COME_BACK: Duration = Duration::from_secs(2);

/// What a connection works with.
#[derive(Clone)]
pub struct EventSources {
    /// Todos and lists.
    pub planner: Arc<Workspaces>,
    /// Changes as they happen.
    pub hub: Arc<Hub>,
    /// Whether the session goes on.
    pub auth: Arc<Auth>,
    /// Tokens.
    pub seals: Arc<Sealer>,
}

/// A stream of events for one session.
pub struct EventStream {
    sources: EventSources,
    caller: Claims,
    lineage: Option<RandomId>,
    revoked: watch::Receiver<()>,
    expiry: Instant,
    /// How far the client has come with what has been made into events.
    token: SyncToken,
    events: VecDeque<Event>,
    phase: Phase,
}

enum Phase {
    /// It reads what changed since its token, while the subscription gathers what happens.
    CatchingUp(Subscription, HashMap<ObjectId, i64>),
    /// It passes on what happens.
    Live(Subscription, Delivered),
    /// Nothing follows.
    Over,
}

/// What was told while catching up. What happened until then may be heard again.
struct Delivered {
    versions: HashMap<ObjectId, i64>,
    until: Timestamp,
}

impl EventStream {
    /// Listens, and finds out where to begin: at `token`, or now; `lineage` is what its tokens are of.
    ///
    /// # Errors
    /// See [`Hub::subscribe`].
    pub async fn open(
        sources: EventSources,
        caller: Claims,
        lineage: Option<RandomId>,
        token: Option<SyncToken>,
    ) -> Result<Self, Error> {
        let revoked = sources.auth.watch_revocations();
        let expiry = Instant::now() + sources.auth.time_until_expiry(&caller);
        let subscription = sources.hub.subscribe(caller.sub).await?;
        let plan = sources.planner.of(caller.sub);
        let (token, phase) = if let Some(token) = token {
            (token, Phase::CatchingUp(subscription, HashMap::new()))
        } else {
            let until = plan.horizon().await?;
            (
                SyncToken::up_to(until, plan.now()),
                Phase::Live(subscription, Delivered { versions: HashMap::new(), until }),
            )
        };
        let events = VecDeque::new();
        let mut connection = Self { sources, caller, lineage, revoked, expiry, token, events, phase };
        let first = Event::default().retry(COME_BACK).id(connection.id()?);
        connection.events.push_back(first);
        Ok(connection)
    }

    /// The events. Their bytes are sent as fast as the client takes them; reading goes on only then.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, async |mut connection| {
            let event = connection.next().await?;
            Some((Ok(event), connection))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Err(error) = self.advance().await {
                tracing::debug!(%error, "a stream of events was broken off");
                return None;
            }
            if self.events.is_empty() && matches!(self.phase, Phase::Over) {
                return None;
            }
        }
    }

    /// Waits for what comes next, and makes events of it.
    async fn advance(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::CatchingUp(subscription, versions) => self.catch_up(subscription, versions).await,
            Phase::Live(subscription, told) => self.listen(subscription, told).await,
            Phase::Over => Ok(()),
        }
    }

    async fn catch_up(
        &mut self,
        subscription: Subscription,
        mut versions: HashMap<ObjectId, i64>,
    ) -> Result<(), Error> {
        if self.has_ended().await? {
            return self.say_bye(ByeReason::SessionEnded);
        }
        let (planner, user, token) = (self.sources.planner.clone(), self.caller.sub, self.token.clone());
        // In a task of its own: the client may leave at any time, and the driver's work must not be dropped.
        let reading = tokio::spawn(async move {
            let plan = planner.of(user);
            let page = plan.changes(Some(token), PAGE_MAX).await?;
            let until = plan.horizon().await?;
            Ok::<_, Error>((page, until))
        });
        let (page, until) = reading.await.map_err(Error::internal)??;
        let before = self.id()?;
        self.token = page.token;
        let mut changes = page.changes.into_iter().peekable();
        while let Some(object) = changes.next() {
            versions.insert(object.state.id, object.state.version);
            // A client that resumes in the middle of a page receives the whole page again.
            let resume = if changes.peek().is_some() { before.clone() } else { self.id()? };
            self.events.push_back(wire::change_event(object, resume)?);
        }
        self.phase = if page.has_more {
            Phase::CatchingUp(subscription, versions)
        } else {
            self.events.push_back(Event::default().id(self.id()?));
            Phase::Live(subscription, Delivered { versions, until })
        };
        Ok(())
    }

    async fn listen(&mut self, mut subscription: Subscription, mut told: Delivered) -> Result<(), Error> {
        let change = tokio::select! {
            biased;
            () = sleep_until(self.expiry) => return self.say_bye(ByeReason::TokenExpired),
            _ = self.revoked.changed() => {
                if self.sources.auth.is_known_revoked(&self.caller) {
                    return self.say_bye(ByeReason::SessionEnded);
                }
                self.phase = Phase::Live(subscription, told);
                return Ok(());
            }
            change = subscription.next() => change,
        };
        let Some(change) = change else {
            // Its place must be free before it takes another.
            drop(subscription);
            let subscription = self.sources.hub.subscribe(self.caller.sub).await?;
            self.phase = Phase::CatchingUp(subscription, HashMap::new());
            return Ok(());
        };
        if self.has_ended().await? {
            return self.say_bye(ByeReason::SessionEnded);
        }
        if change.at > told.until {
            told.versions = HashMap::new();
        }
        self.token.horizon = self.token.horizon.max(change.at);
        let ChangedObject { state: ObjectState { id, version, .. }, .. } = &change.object;
        let is_new = told.versions.get(id).is_none_or(|delivered| delivered < version);
        if is_new {
            self.events.push_back(wire::change_event(change.object.clone(), self.id()?)?);
        }
        self.phase = Phase::Live(subscription, told);
        Ok(())
    }

    fn say_bye(&mut self, reason: ByeReason) -> Result<(), Error> {
        self.phase = Phase::Over;
        self.events.push_back(wire::bye_event(reason)?);
        Ok(())
    }

    /// Whether the session is over, as every request is asked.
    async fn has_ended(&self) -> Result<bool, Error> {
        match self.sources.auth.check_revocation(&self.caller).await {
            Ok(()) => Ok(false),
            Err(Error::Token(TokenRejection::Revoked)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn id(&self) -> Result<String, Error> {
        self.token.seal(&self.sources.seals, self.caller.sub, self.lineage)
    }
}
