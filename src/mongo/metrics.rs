//! Metrics of the driver: how long commands take, and how many connections are open or in use.

use std::time::Duration;

use metrics::{gauge, histogram};
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;

pub const COMMAND_SECONDS: &str = "todo_api_db_command_duration_seconds";
/// `getMore`, which mostly waits for the next change.
pub const WAIT_SECONDS: &str = "todo_api_db_wait_duration_seconds";
pub const CONNECTIONS: &str = "todo_api_db_connections";

pub(crate) fn record_events(options: &mut ClientOptions) {
    let record = |command: String, outcome: &'static str, duration: Duration| {
        if command == "getMore" {
            histogram!(WAIT_SECONDS, "outcome" => outcome).record(duration);
        } else {
            histogram!(COMMAND_SECONDS, "command" => command, "outcome" => outcome).record(duration);
        }
    };
    options.command_event_handler = Some(EventHandler::callback(move |event| match event {
        CommandEvent::Succeeded(event) => record(event.command_name, "ok", event.duration),
        CommandEvent::Failed(event) => record(event.command_name, "failed", event.duration),
        _ => {}
    }));
    options.cmap_event_handler = Some(EventHandler::callback(|event| match event {
        CmapEvent::ConnectionReady(_) => gauge!(CONNECTIONS, "state" => "open").increment(1),
        CmapEvent::ConnectionClosed(_) => gauge!(CONNECTIONS, "state" => "open").decrement(1),
        CmapEvent::ConnectionCheckedOut(_) => gauge!(CONNECTIONS, "state" => "in_use").increment(1),
        CmapEvent::ConnectionCheckedIn(_) => gauge!(CONNECTIONS, "state" => "in_use").decrement(1),
        _ => {}
    }));
}
