//! One stream of events, from its sync token to its end.
//!
//! **Invariant:** a session or personal access token that has ended receives no further change.
//!
//! A stream first subscribes to changes, then reads what changed since its token, and only then delivers what its
//! subscription received. Subscribing first leaves no gap; changes that both ways deliver are sent once. A stream that the
//! hub has disconnected because its client reads too slowly goes through the same steps again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use bson::Timestamp;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::changes::PAGE_MAX;
use super::hub::{Hub, Subscription};
use super::kind::{ChangedObject, ObjectState};
use super::sent_versions::SentVersions;
use super::token::SyncToken;
use super::wire::{self, ByeReason};
use crate::auth::credential::Credential;
use crate::auth::operations::Auth;
use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::{Error, TokenRejection};
use crate::http::admission::Admission;
use crate::http::client::ClientKey;
use crate::workspace::Workspaces;

pub const PING: Duration = Duration::from_secs(15);
// Smaller than a page of sync, because each stream whose client reads slowly holds a page of events.
const PAGE_BYTES: usize = 256 * 1024;
// Of a stream whose token does not expire. A timer cannot wait for ever.
const LIFETIME_MAX: Duration = Duration::from_hours(24 * 365);
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct EventSources {
    pub workspaces: Arc<Workspaces>,
    pub hub: Arc<Hub>,
    pub auth: Arc<Auth>,
    pub seals: Arc<Sealer>,
    pub admission: Admission,
}

pub struct EventStream {
    sources: EventSources,
    caller: Credential,
    lineage: Option<RandomId>,
    revocations: watch::Receiver<()>,
    expires_at: Instant,
    // How far the client has come when it has received every event so far.
    token: SyncToken,
    events: VecDeque<Event>,
    phase: Phase,
}

enum Phase {
    /// Reads what changed since the token, while the subscription collects new changes. Holds the versions sent so far.
    CatchingUp(Subscription, SentVersions),
    Live(Subscription, CaughtUp),
    Over,
}

// What was sent while catching up. The subscription may deliver changes up to `until` a second time.
struct CaughtUp {
    versions: SentVersions,
    until: Timestamp,
}

impl EventStream {
    /// Subscribes, and begins at `token` or at the present. The stream's tokens belong to `lineage`.
    pub async fn open(
        sources: EventSources,
        caller: Credential,
        lineage: Option<RandomId>,
        token: Option<SyncToken>,
    ) -> Result<Self, Error> {
        let revocations = sources.auth.watch_revocations();
        let lifetime = caller.expires_at().map_or(LIFETIME_MAX, |time| sources.auth.time_until(time));
        let expires_at = Instant::now() + lifetime.min(LIFETIME_MAX);
        let subscription = sources.hub.subscribe(caller.user_id()).await?;
        let (token, phase) = if let Some(token) = token {
            (token, Phase::CatchingUp(subscription, SentVersions::default()))
        } else {
            let workspace = sources.workspaces.of(caller.user_id());
            let until = workspace.horizon().await?;
            let nothing_sent = CaughtUp { versions: SentVersions::default(), until };
            (SyncToken::up_to(until, workspace.now()), Phase::Live(subscription, nothing_sent))
        };
        let events = VecDeque::new();
        let mut stream = Self { sources, caller, lineage, revocations, expires_at, token, events, phase };
        let hello = wire::hello_event(stream.id()?)?.retry(RECONNECT_DELAY);
        stream.events.push_back(hello);
        Ok(stream)
    }

    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        // Reads on only when the client has taken the bytes of the events so far.
        stream::unfold(self, async |mut stream| {
            let event = stream.next().await?;
            Some((Ok(event), stream))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Err(error) = self.advance().await {
                tracing::debug!(%error, "closed an event stream after an error");
                return None;
            }
            if self.events.is_empty() && matches!(self.phase, Phase::Over) {
                return None;
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Error> {
        // An error leaves the phase `Over`.
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::CatchingUp(subscription, sent) => self.catch_up(subscription, sent).await,
            Phase::Live(subscription, caught_up) => self.listen(subscription, caught_up).await,
            Phase::Over => Ok(()),
        }
    }

    async fn catch_up(&mut self, subscription: Subscription, mut sent: SentVersions) -> Result<(), Error> {
        let user = self.caller.user_id();
        // The limit on the streams of a user bounds how many of these wait.
        let slot = self.sources.admission.slot_for(ClientKey::User(user)).await?;
        if self.has_ended().await? {
            return self.say_bye(ByeReason::SessionEnded);
        }
        let (workspaces, token) = (self.sources.workspaces.clone(), self.token.clone());
        // In its own task, because the client may disconnect at any time and the driver's futures must not be dropped.
        let reading = tokio::spawn(async move {
            let _slot = slot;
            let workspace = workspaces.of(user);
            let page = workspace.changes(Some(token), PAGE_MAX, PAGE_BYTES).await?;
            let until = workspace.horizon().await?;
            Ok::<_, Error>((page, until))
        });
        let (page, until) = reading.await.map_err(Error::internal)??;
        let before_page = self.id()?;
        self.token = page.token;
        let mut changes = page.changes.into_iter().peekable();
        while let Some(object) = changes.next() {
            sent.note(object.state.id, object.state.version);
            // A token stands for whole pages, so a client that resumes within a page receives the page again.
            let id = if changes.peek().is_some() { before_page.clone() } else { self.id()? };
            self.events.push_back(wire::change_event(&object, id)?);
        }
        self.phase = if page.has_more {
            Phase::CatchingUp(subscription, sent)
        } else {
            // The page can be empty, so its token gets an event of its own.
            self.events.push_back(Event::default().id(self.id()?));
            Phase::Live(subscription, CaughtUp { versions: sent, until })
        };
        Ok(())
    }

    async fn listen(&mut self, mut subscription: Subscription, mut caught_up: CaughtUp) -> Result<(), Error> {
        let change = tokio::select! {
            // The end of the session comes before any change that is waiting.
            biased;
            () = sleep_until(self.expires_at) => return self.say_bye(ByeReason::TokenExpired),
            _ = self.revocations.changed() => {
                if self.sources.auth.is_known_revoked(&self.caller) {
                    return self.say_bye(ByeReason::SessionEnded);
                }
                self.phase = Phase::Live(subscription, caught_up);
                return Ok(());
            }
            change = subscription.next() => change,
        };
        let Some(change) = change else {
            // Gives the slot back first, because this stream may hold the last one.
            drop(subscription);
            let subscription = self.sources.hub.subscribe(self.caller.user_id()).await?;
            self.phase = Phase::CatchingUp(subscription, SentVersions::default());
            return Ok(());
        };
        if self.has_ended().await? {
            return self.say_bye(ByeReason::SessionEnded);
        }
        // Changes come in the order of their time, so from here on none has been sent while catching up.
        if change.at > caught_up.until {
            caught_up.versions = SentVersions::default();
        }
        // A change from before `until` must not move the token back.
        self.token.horizon = self.token.horizon.max(change.at);
        let ChangedObject { state: ObjectState { id, version, .. }, .. } = &change.object;
        if !caught_up.versions.include(*id, *version) {
            self.events.push_back(wire::change_event(&change.object, self.id()?)?);
        }
        self.phase = Phase::Live(subscription, caught_up);
        Ok(())
    }

    fn say_bye(&mut self, reason: ByeReason) -> Result<(), Error> {
        self.phase = Phase::Over;
        self.events.push_back(wire::bye_event(reason)?);
        Ok(())
    }

    async fn has_ended(&self) -> Result<bool, Error> {
        match self.sources.auth.check_revocation(&self.caller).await {
            Ok(()) => Ok(false),
            Err(Error::Token(TokenRejection::Revoked)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn id(&self) -> Result<String, Error> {
        self.token.seal(&self.sources.seals, self.caller.user_id(), self.lineage)
    }
}
