//! A page on its way to the client: its parts one after the other, each sent from where it lies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What follows the rows.
const TAIL: Bytes = Bytes::from_static(b"]}");

/// The parts that are left to send.
pub(super) struct PageBody {
    parts: [Bytes; 3],
}

impl PageBody {
    /// `head` ends with the bracket that opens the list of `rows`.
    pub(super) const fn new(head: Bytes, rows: Bytes) -> Self {
        Self { parts: [head, rows, TAIL] }
    }

    fn left(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // An empty frame would be sent as nothing, so it is left out.
        let part = self.parts.iter_mut().find(|part| !part.is_empty()).map(std::mem::take);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_is_sent_whole_from_where_its_rows_lie_and_says_its_length_before() {
        for rows in ["", r#"{"a":1}"#, r#"{"a":1},{"a":2}"#] {
            let rows = Bytes::from(rows.to_owned());
            let body = PageBody::new(Bytes::from_static(br#"{"rows":["#), rows.clone());
            let expected = format!(r#"{{"rows":[{}]}}"#, String::from_utf8_lossy(&rows));
            assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
            let mut body = Box::pin(body);
            let mut sent = Vec::new();
            while let Some(Ok(frame)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                let part = frame.into_data().unwrap();
                assert!(part != rows || part.as_ptr() == rows.as_ptr(), "the rows are not copied");
                sent.extend_from_slice(&part);
            }
            assert_eq!(String::from_utf8(sent).unwrap(), expected);
            assert!(body.is_end_stream());
        }
    }
}
