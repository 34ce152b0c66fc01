//! The body of a request as the guest hands it over, piece by piece.

use std::io;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::mpsc;

/// One piece on its way, and one in the client: the guest waits while the other side does not read.
const PIECES_MAX: usize = 1;

pub(super) enum Piece {
    Bytes(Bytes),
    /// The body is whole. Without this its end is a failure, so that no half of a body passes for all of it.
    End,
}

pub(super) fn channel() -> (mpsc::Sender<Piece>, impl Stream<Item = io::Result<Bytes>> + Send + use<>) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let pieces = unfold(Some(receiver), |receiver| async {
        let mut receiver: mpsc::Receiver<Piece> = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the body was given up")), None)),
        }
    });
    (sender, pieces)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_body_that_is_given_up_does_not_pass_for_a_whole_one() {
        let (sender, pieces) = channel();
        sender.send(Piece::Bytes(Bytes::from_static(b"a"))).await.ok().unwrap();
        drop(sender);
        let pieces: Vec<_> = pieces.collect().await;
        assert!(matches!(&pieces[..], [Ok(bytes), Err(_)] if bytes == "a"), "{pieces:?}");
        let (sender, pieces) = channel();
        sender.send(Piece::End).await.ok().unwrap();
        assert_eq!(pieces.count().await, 0);
    }
}
