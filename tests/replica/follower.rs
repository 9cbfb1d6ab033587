//! A client that follows the changes of its user's objects by sync, by events, or by both.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use crate::api_client::ApiClient;
use crate::events::{Block, Events};
use crate::fleet::instance::Instance;
use crate::fleet::{StopFlag, chance, random, random_millis};
use crate::replica::{Objects, Replica};
use crate::two_instances::any;

const PAUSE: Duration = Duration::from_millis(100);
/// Longer than any token lasts.
const STEADILY: Duration = Duration::from_hours(1);
/// How long reading all pages may take when nobody writes.
const CATCHING_UP: Duration = Duration::from_mins(1);
/// How long the last events may take.
const SETTLING: Duration = Duration::from_secs(15);
/// How long a stream may stay open after its last event.
const PARTING: Duration = Duration::from_secs(5);
/// How long a copy must stay unchanged when nobody writes.
const STAYING: Duration = Duration::from_secs(1);

/// A client with its copy of the objects, and the token of the last change in it.
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) caller: ApiClient,
    pub(crate) replica: Replica,
    token: Option<String>,
    /// Whether the next response must belong to a full read. Unknown after events.
    reads_fully: Option<bool>,
    /// The stream that was open at the end of the run.
    open: Option<Events>,
}

/// Whether a response reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Arrives,
    IsLost,
    IsCutOff(Duration),
}

impl Delivery {
    fn any() -> Self {
        match random(100) {
            0..10 => Self::IsLost,
            10..20 => Self::IsCutOff(random_millis(60)),
            _ => Self::Arrives,
        }
    }
}

impl Follower {
    pub(crate) fn new(name: String, caller: ApiClient) -> Self {
        Self { name, caller, replica: Replica::default(), token: None, reads_fully: Some(true), open: None }
    }

    /// Follows by sync until the run stops.
    pub(crate) async fn run_by_sync(mut self, instances: [Instance; 2], stop: StopFlag) -> Self {
        while !stop.is_set() {
            stop.sleep(if chance(5) { Duration::from_secs(20) } else { random_millis(3_000) }).await;
            if chance(4) {
                self.start_over();
            }
            self.sync(&instances, &stop).await;
        }
        self
    }

    /// Follows by events until the run stops, and sometimes by sync from where the events stopped. Call `connect`
    /// first.
    pub(crate) async fn run_by_events(mut self, instances: [Instance; 2], stop: StopFlag) -> Self {
        while !stop.is_set() {
            let stays = Duration::from_secs(if chance(3) { 60 } else { 0 }) + random_millis(5_000);
            self.listen(any(&instances), stays, &stop).await;
            if chance(3) {
                self.start_over();
                while self.token.is_none() && !stop.is_set() {
                    self.sync(&instances, &stop).await;
                }
            } else if chance(20) {
                self.sync(&instances, &stop).await;
            }
            stop.sleep(random_millis(1_000)).await;
        }
        self.open = None;
        self
    }

    /// Stays on one connection as long as it lasts, so that all changes of the last half minute arrive as live events.
    /// A reconnecting client gets the last minute again.
    pub(crate) async fn run_steadily(mut self, instances: [Instance; 2], stop: StopFlag) -> Self {
        while !stop.is_set() {
            self.listen(any(&instances), STEADILY, &stop).await;
            stop.sleep(PAUSE).await;
        }
        self
    }

    fn start_over(&mut self) {
        self.caller.findings.count("started over", 1);
        (self.token, self.reads_fully) = (None, Some(true));
    }

    /// Reads page after page, from random instances, until there are no more or a response is lost.
    async fn sync(&mut self, instances: &[Instance; 2], stop: &StopFlag) {
        while !stop.is_set() {
            match self.sync_page(any(instances), 1 + random(200), Delivery::any()).await {
                Some(true) => {}
                Some(false) => return,
                None if chance(50) => return,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Reads all pages, and returns their number.
    pub(crate) async fn catch_up(&mut self, instance: &Instance, limit: usize) -> usize {
        let (began, mut pages) = (Instant::now(), 0);
        loop {
            let has_more = self.sync_page(instance, limit, Delivery::Arrives).await;
            pages += usize::from(has_more.is_some());
            match has_more {
                Some(false) => return pages,
                Some(true) => {}
                None => tokio::time::sleep(PAUSE).await,
            }
            let is_late = began.elapsed() > CATCHING_UP;
            assert!(!is_late, "{} does not catch up: {:?}", self.name, self.caller.findings.last_fault());
        }
    }

    /// Reads one page, and returns whether there are more, or `None` if the response was lost.
    async fn sync_page(&mut self, instance: &Instance, limit: usize, delivery: Delivery) -> Option<bool> {
        let body = json!({ "token": self.token, "limit": limit });
        let call = self.caller.call(instance, Method::POST, "/v1/sync", &body);
        let answer = if let Delivery::IsCutOff(after) = delivery {
            timeout(after, call).await.ok()
        } else {
            Some(call.await)
        };
        let findings = self.caller.findings.clone();
        let Some(answer) = answer else {
            findings.count("requests cut off", 1);
            return None;
        };
        if delivery == Delivery::IsLost {
            findings.count("answers lost", 1);
            return None;
        }
        findings.check(answer.status == 200 || answer.is_unavailable(), || {
            format!("{}: sync {body}: {} {}", self.name, answer.status, answer.body)
        });
        (answer.status == 200).then(|| self.take_page(&answer.body, limit))
    }

    fn take_page(&mut self, page: &Value, limit: usize) -> bool {
        let findings = self.caller.findings.clone();
        let (is_full, has_more) = (page["full"].as_bool().unwrap(), page["has_more"].as_bool().unwrap());
        let wanted = self.reads_fully;
        findings.check(wanted.is_none_or(|wanted| wanted == is_full), || {
            format!("{}: `full` is {is_full}, but should be {wanted:?}", self.name)
        });
        if self.token.is_none() {
            self.replica.objects.clear();
        }
        let count = self.replica.apply(page, &findings);
        findings.check(count <= limit, || format!("{}: {count} in a page of {limit}", self.name));
        self.token = Some(page["token"].as_str().expect("a token").to_owned());
        self.reads_fully = Some(is_full && has_more);
        findings.count("sync answers", 1);
        has_more
    }

    /// Opens a stream of the events from now on.
    pub(crate) async fn connect(&mut self, instance: &Instance) -> Events {
        let mut events = self.caller.listen(instance, None).await.unwrap();
        let first = events.next().await.expect("the stream has no first id");
        assert!(first.id.is_some() && first.event.as_deref() == Some("hello"), "{first:?}");
        self.take_block(first);
        events
    }

    /// Listens for a while, starting from the last id.
    async fn listen(&mut self, instance: &Instance, stays: Duration, stop: &StopFlag) {
        let until = Instant::now() + stays;
        let last = self.token.clone();
        let findings = self.caller.findings.clone();
        let mut events = match timeout_at(until, self.caller.listen(instance, last.as_deref())).await {
            Ok(Ok(events)) => events,
            Ok(Err(refusal)) => {
                findings.check(refusal.is_unavailable(), || {
                    format!("{}: events: {} {}", self.name, refusal.status, refusal.body)
                });
                return;
            }
            Err(_) => return findings.count("connections dropped", 1),
        };
        findings.count("connections", 1);
        while !stop.is_set() {
            match timeout_at(until.min(Instant::now() + PAUSE), events.next()).await {
                Ok(Some(block)) => {
                    if self.take_block(block) {
                        return self.part(&mut events, instance).await;
                    }
                }
                Ok(None) => return findings.count("connections ended by the server", 1),
                Err(_) if Instant::now() < until => {}
                Err(_) => return findings.count("connections dropped", 1),
            }
        }
        self.open = Some(events);
    }

    /// After a `bye` event, the stream must end, and the client needs a new token.
    async fn part(&mut self, events: &mut Events, instance: &Instance) {
        let end = timeout(PARTING, events.next()).await;
        self.caller.findings.check(matches!(end, Ok(None)), || format!("after a bye: {end:?}"));
        self.caller.renew(instance, chance(30)).await;
    }

    /// Applies a block, and returns whether it is the last one.
    fn take_block(&mut self, block: Block) -> bool {
        let findings = self.caller.findings.clone();
        let Block { id, event, data } = block;
        let is_bye = event.as_deref() == Some("bye");
        match (event.as_deref(), data) {
            (None, None) => {}
            (Some("hello"), Some(data)) => findings.check(data == json!({}), || format!("hello with {data}")),
            (Some("change"), Some(data)) => {
                let count = self.replica.apply(&data, &findings);
                findings.check(count == 1 && id.is_some(), || {
                    format!("an event with {count} changes and the id {id:?}")
                });
                findings.count("events", 1);
            }
            (Some("bye"), Some(data)) => {
                findings.check(data["reason"] == "token_expired", || format!("bye for {data}"));
                findings.count("byes", 1);
            }
            other => findings.check(false, || format!("an unknown event: {other:?}")),
        }
        if id.is_some() {
            (self.token, self.reads_fully) = (id, None);
        }
        is_bye
    }

    /// Listens until the copy equals `server`, and a while longer, during which the copy must not change.
    pub(crate) async fn settle(&mut self, instance: &Instance, server: &Objects) {
        let mut events = match self.open.take() {
            Some(events) => events,
            None => self.caller.listen(instance, self.token.as_deref()).await.unwrap(),
        };
        let mut until = Instant::now() + SETTLING;
        let mut is_settled = false;
        while Instant::now() < until {
            match timeout(PAUSE, events.next()).await {
                Ok(Some(block)) => {
                    if self.take_block(block) {
                        self.part(&mut events, instance).await;
                    }
                }
                Ok(None) => events = self.caller.listen(instance, self.token.as_deref()).await.unwrap(),
                Err(_) if !is_settled && self.replica.differences(server).is_empty() => {
                    is_settled = true;
                    until = Instant::now() + STAYING;
                }
                Err(_) => {}
            }
        }
    }
}
