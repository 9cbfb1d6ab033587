//! What monitoring hears of the driver. Must not change what the driver does.

use std::time::Duration;

use metrics::{gauge, histogram};
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;

/// The histogram of how long commands took.
pub const COMMAND_SECONDS: &str = "todo_api_db_command_duration_seconds";
/// The gauge of connections.
pub const CONNECTIONS: &str = "todo_api_db_connections";

/// Has the driver tell monitoring of its commands and connections.
pub(crate) fn watch(options: &mut ClientOptions) {
    let record = |name: String, outcome: &'static str, took: Duration| {
        histogram!(COMMAND_SECONDS, "command" => name, "outcome" => outcome).record(took);
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
