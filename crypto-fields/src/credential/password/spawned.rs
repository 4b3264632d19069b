//! The password hasher for async code.

use std::sync::Arc;

use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::policy::PasswordPolicy;
use super::{PasswordError, PasswordHasher, PasswordVerdict};

/// A [`PasswordHasher`] on tokio's blocking threads, with the policy's bounds.
///
/// Waiting for a turn holds no thread. A call that is dropped while it waits leaves the queue; one
/// that is dropped while it hashes goes on hashing and keeps its turn until it is done, so that
/// clients that hang up cannot raise the number of hashes at once.
///
/// # Examples
///
/// ```
/// use crypto_fields::{PasswordPolicy, PasswordVerdict, SpawnedPasswordHasher};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), crypto_fields::PasswordError> {
/// let hasher = SpawnedPasswordHasher::new(PasswordPolicy::default())?;
/// let stored = hasher.hash("correct horse").await?;
/// let verdict = hasher.verify("correct horse", Some(&stored)).await?;
/// assert_eq!(verdict, PasswordVerdict::Right);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SpawnedPasswordHasher {
    hasher: Arc<PasswordHasher>,
    /// Those that hash.
    turns: Arc<Semaphore>,
    /// Those that hash or wait.
    queue: Arc<Semaphore>,
}

impl SpawnedPasswordHasher {
    /// By this policy.
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::new`].
    pub fn new(policy: PasswordPolicy) -> Result<Self, PasswordError> {
        let most = policy.concurrency.get().saturating_add(policy.max_waiting);
        let semaphore =
            |size| Arc::new(Semaphore::new(std::cmp::min(size, Semaphore::MAX_PERMITS)));
        Ok(Self {
            hasher: Arc::new(PasswordHasher::new(policy)?),
            turns: semaphore(policy.concurrency.get()),
            queue: semaphore(most),
        })
    }

    /// The hash of a new password, to be stored.
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::hash`].
    pub async fn hash(&self, password: impl AsRef<[u8]>) -> Result<String, PasswordError> {
        let password = self.copied(password.as_ref())?;
        self.run(move |hasher| hasher.hash(&*password)).await
    }

    /// Whether `password` is the one whose hash is `stored`; `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::verify`].
    pub async fn verify(
        &self,
        password: impl AsRef<[u8]>,
        stored: Option<&str>,
    ) -> Result<PasswordVerdict, PasswordError> {
        let password = self.copied(password.as_ref())?;
        let stored = stored.map(str::to_owned);
        self.run(move |hasher| hasher.verify(&*password, stored.as_deref())).await
    }

    /// A copy for another thread; of one that is too long none is made.
    fn copied(&self, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        Ok(Zeroizing::new(self.hasher.checked(password)?.to_vec()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHasher) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        // Nobody closes the semaphore.
        let turn =
            Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        let hasher = Arc::clone(&self.hasher);
        let hashed = tokio::task::spawn_blocking(move || {
            // Both stay until it is done, whether anyone waits for it or not.
            let _held = (place, turn);
            work(&hasher)
        });
        hashed.await.map_err(|_| PasswordError::Failed)?
    }
}
