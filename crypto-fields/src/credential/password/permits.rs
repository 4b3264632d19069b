//! So many at once, so many waiting, and no more.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::PasswordError;

pub(super) struct Permits {
    state: Mutex<State>,
    freed: Condvar,
    max_waiting: usize,
}

struct State {
    free: usize,
    waiting: usize,
}

/// The right to hash one password, until it is dropped.
pub(super) struct Permit<'a>(&'a Permits);

impl Permits {
    pub(super) const fn new(at_once: NonZeroUsize, max_waiting: usize) -> Self {
        let state = State { free: at_once.get(), waiting: 0 };
        Self { state: Mutex::new(state), freed: Condvar::new(), max_waiting }
    }

    /// Waits for a permit, unless too many do so already.
    pub(super) fn acquire(&self) -> Result<Permit<'_>, PasswordError> {
        let mut state = self.state();
        if state.free == 0 {
            if state.waiting >= self.max_waiting {
                return Err(PasswordError::Busy);
            }
            state.waiting = state.waiting.saturating_add(1);
            state = self
                .freed
                .wait_while(state, |state| state.free == 0)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting = state.waiting.saturating_sub(1);
        }
        state.free = state.free.saturating_sub(1);
        Ok(Permit(self))
    }

    /// Nothing panics while it is locked, and if it did, the counts would still be right.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.free = state.free.saturating_add(1);
        drop(state);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_at_once_than_allowed_and_all_get_their_turn() {
        let permits = Permits::new(NonZeroUsize::new(2).unwrap(), 100);
        let (inside, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let permit = permits.acquire().unwrap();
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((most.into_inner(), done.into_inner()), (2, 1_000));
    }

    #[test]
    fn whoever_would_wait_behind_too_many_is_turned_away() {
        let permits = Permits::new(NonZeroUsize::MIN, 0);
        let permit = permits.acquire().unwrap();
        assert_eq!(permits.acquire().err(), Some(PasswordError::Busy));
        drop(permit);
        assert!(permits.acquire().is_ok());
    }
}
