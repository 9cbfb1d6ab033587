//! Bodies of responses that are written while they are read from the database.

use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::error::Error;

const CHUNK: usize = 32 * 1024;

/// A body of `head`, then what `append` writes for each item of the batches, then `tail`. It holds a batch and two chunks in
/// memory.
pub fn streamed<T, B>(
    head: Vec<u8>,
    batches: impl Stream<Item = Result<B, Error>> + Send + 'static,
    append: impl FnMut(&mut Vec<u8>, T) -> Result<(), Error> + Send + 'static,
    tail: &'static [u8],
) -> Body
where
    T: Send,
    B: IntoIterator<Item = T, IntoIter: Send> + Send,
{
    let (sender, receiver) = mpsc::channel(2);
    // A separate task, because the driver must not have its futures dropped half-way. It ends when the client
    // disconnects.
    tokio::spawn(async move {
        if let Err(error) = send(&sender, head, batches, append, tail).await {
            tracing::warn!(%error, "a streamed response was aborted");
            // The status is already sent, so aborting the connection is the only sign that the body is incomplete.
            let _ = sender.send(Err(error)).await;
        }
    });
    let chunks = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Body::from_stream(chunks)
}

async fn send<T, B>(
    sender: &mpsc::Sender<Result<Bytes, Error>>,
    head: Vec<u8>,
    batches: impl Stream<Item = Result<B, Error>> + Send,
    mut append: impl FnMut(&mut Vec<u8>, T) -> Result<(), Error> + Send,
    tail: &[u8],
) -> Result<(), Error>
where
    T: Send,
    B: IntoIterator<Item = T, IntoIter: Send> + Send,
{
    let (mut batches, mut chunk) = (std::pin::pin!(batches), head);
    while let Some(items) = batches.next().await {
        for item in items? {
            append(&mut chunk, item)?;
            let is_full = chunk.len() >= CHUNK;
            if is_full && sender.send(Ok(std::mem::take(&mut chunk).into())).await.is_err() {
                return Ok(());
            }
        }
    }
    chunk.extend_from_slice(tail);
    let _ = sender.send(Ok(chunk.into())).await;
    Ok(())
}
