//! A client of an event stream (WHATWG HTML, §9.2).

use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Events {
    response: Response,
    text: String,
    /// The id of the last event, from which a client can resume.
    pub(crate) last_id: String,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Events {
    /// Requests the stream, and returns any response.
    pub(crate) async fn ask(url: &str, token: &str, last_id: Option<&str>) -> Response {
        let request = Client::new().get(url).bearer_auth(token);
        let request = last_id.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        request.send().await.unwrap()
    }

    /// Opens the stream, and waits for its first event, which has an id.
    pub(crate) async fn open(url: &str, token: &str, last_id: Option<&str>) -> Self {
        Self::of(Self::ask(url, token, last_id).await).await
    }

    /// Reads the stream of a response.
    pub(crate) async fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        let mut events = Self { response, text: String::new(), last_id: String::new() };
        let hello = Event { name: "hello".to_owned(), data: serde_json::json!({}) };
        assert_eq!(events.next().await, Some(hello));
        assert!(!events.last_id.is_empty(), "a client keeps the id of the first event");
        events
    }

    /// The next event, or `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if let Some(event) = self.read(&block) {
                return Some(event);
            }
        }
    }

    /// The data of the next event, which must contain one change.
    pub(crate) async fn change(&mut self) -> Value {
        let event = self.next().await.expect("the stream ended");
        assert_eq!(event.name, "change", "{event:?}");
        let parts = ["todos", "lists", "removed"].map(|part| event.data[part].as_array().unwrap().len());
        assert_eq!(parts.iter().sum::<usize>(), 1, "an event must have one change: {event:?}");
        event.data
    }

    /// The text up to the next empty line.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("nothing arrived in time");
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        if let Some(id) = field("id") {
            id.clone_into(&mut self.last_id);
        }
        let data = serde_json::from_str(field("data")?).unwrap();
        Some(Event { name: field("event").unwrap_or("message").to_owned(), data })
    }
}
