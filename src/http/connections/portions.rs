use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// How much of an answer is handed on at once, in bytes. HTTP/2 takes a portion as soon as its client takes a byte.
const PORTION: usize = 4 * 1024;

/// A body that is handed on in portions, and keeps something until the last of it was.
pub(super) struct Portions<T> {
    body: Body,
    rest: Bytes,
    _kept: T,
}

impl<T> Portions<T> {
    pub(super) const fn new(body: Body, kept: T) -> Self {
        Self { body, rest: Bytes::new(), _kept: kept }
    }
}

impl<T: Send + Unpin + 'static> HttpBody for Portions<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PORTION);
        let portion = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(portion))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}
