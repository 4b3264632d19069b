//! A crash anywhere: a future that is dropped in the middle.
#![allow(dead_code, reason = "shared by several test programs")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Polls a future so many times, and drops it where it is then: between two statements, or while one
/// is on its way and nobody knows whether it was carried out.
pub(crate) async fn crash_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
