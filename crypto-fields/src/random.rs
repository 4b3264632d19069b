//! Randomness from the operating system, and a small buffer of it for salts.
//!
//! A call of the operating system for each field costs more than the encryption. Salts therefore
//! come from a block per thread, refilled when it is used up. Keys never do: each is its own call.
//!
//! Two salts must not be equal, so a block must not be used twice:
//!
//! - bytes are wiped as they are handed out, and a thread has its own block;
//! - a process that forked has its parent's memory. Each use compares the process id with that of
//!   the block's filling, and fills anew when they differ;
//! - a virtual machine that is resumed twice from one snapshot cannot be told from inside. The
//!   block is small, so that at most [`SALTS`] messages per thread are affected, and the operating
//!   system's own generator has the same problem. Do not clone running machines.

use std::cell::RefCell;

use zeroize::Zeroize;

/// The operating system gave no randomness: nothing was made, sealed or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
#[non_exhaustive]
pub struct RandomError;

/// Fills `bytes` from the operating system.
///
/// # Errors
///
/// [`RandomError`]; `bytes` may be partly written.
pub fn fill(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(|_| RandomError)
}

/// The length of a salt.
pub(crate) const SALT_LEN: usize = 24;
/// How many salts one call of the operating system gives.
const SALTS: usize = 32;

/// A random salt of a message.
pub(crate) fn salt() -> Result<[u8; SALT_LEN], RandomError> {
    thread_local! {
        static BLOCK: RefCell<Block> = const { RefCell::new(Block::EMPTY) };
    }
    // A thread that is being torn down has no block any more.
    BLOCK
        .try_with(|block| block.try_borrow_mut().map(|mut block| block.next()))
        .ok()
        .and_then(Result::ok)
        .unwrap_or_else(|| {
            let mut salt = [0; SALT_LEN];
            fill(&mut salt)?;
            Ok(salt)
        })
}

struct Block {
    salts: [[u8; SALT_LEN]; SALTS],
    /// How many are left, from the end of `salts`.
    left: usize,
    /// The process that filled it.
    process: u32,
}

impl Block {
    const EMPTY: Self = Self { salts: [[0; SALT_LEN]; SALTS], left: 0, process: 0 };

    fn next(&mut self) -> Result<[u8; SALT_LEN], RandomError> {
        self.next_in(std::process::id())
    }

    fn next_in(&mut self, process: u32) -> Result<[u8; SALT_LEN], RandomError> {
        if self.left == 0 || self.process != process {
            self.left = 0;
            fill(self.salts.as_flattened_mut())?;
            self.left = SALTS;
            self.process = process;
        }
        let index = self.left.saturating_sub(1);
        // `left` is at most SALTS, and was made positive above.
        let slot = self.salts.get_mut(index).ok_or(RandomError)?;
        let salt = *slot;
        slot.zeroize();
        self.left = index;
        Ok(salt)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_salt_comes_twice() {
        let mut seen = HashSet::new();
        let here: Vec<_> = (0..10 * SALTS).map(|_| salt().unwrap()).collect();
        let there = std::thread::spawn(|| (0..100).map(|_| salt().unwrap()).collect::<Vec<_>>());
        for salt in here.into_iter().chain(there.join().unwrap()) {
            assert_ne!(salt, [0; SALT_LEN]);
            assert!(seen.insert(salt));
        }
    }

    #[test]
    fn a_used_salt_is_wiped() {
        let mut block = Block::EMPTY;
        let salt = block.next_in(1).unwrap();
        assert!(!block.salts.contains(&salt));
        assert_eq!(block.salts[SALTS - 1], [0; SALT_LEN]);
        assert_eq!(block.left, SALTS - 1);
    }

    #[test]
    fn a_forked_process_does_not_use_its_parents_block() {
        let mut block = Block::EMPTY;
        block.next_in(1).unwrap();
        let parents = block.salts;
        let salt = block.next_in(2).unwrap();
        assert!(!parents.contains(&salt));
        assert_eq!(block.left, SALTS - 1);
    }
}
