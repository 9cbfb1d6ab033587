//! An event stream, parsed as in the HTML Living Standard §9.2.

use reqwest::Response;
use serde_json::Value;

use crate::fleet::instance::{Answer, Instance};

pub(crate) struct Events {
    response: Response,
    unread: Vec<u8>,
    /// The number of received comments.
    pub(crate) comments: usize,
}

/// The fields between two empty lines.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<Value>,
}

impl Events {
    /// Opens the event stream after `last`, or from now on. A refused request is the error.
    pub(crate) async fn open(instance: &Instance, token: &str, last: Option<&str>) -> Result<Self, Answer> {
        let response = instance.listen(token, last).await?;
        Ok(Self { response, unread: Vec::new(), comments: 0 })
    }

    /// The next complete block, or `None` at the end of the stream. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Block> {
        loop {
            while let Some(end) = self.unread.windows(2).position(|cluster| cluster == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = self.read(std::str::from_utf8(&block).expect("UTF-8"));
                if block.id.is_some() || block.data.is_some() {
                    return Some(block);
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.unread.extend_from_slice(&chunk);
        }
    }

    fn read(&mut self, text: &str) -> Block {
        let mut block = Block::default();
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if !line.is_empty() => self.comments += 1,
                "id" => block.id = Some(value.to_owned()),
                "event" => block.event = Some(value.to_owned()),
                "data" => block.data = Some(serde_json::from_str(value).expect("JSON on one line")),
                _ => {}
            }
        }
        block
    }
}
