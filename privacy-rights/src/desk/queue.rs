//! What is to be done, and what of it first.

use crate::backend::Backend;
use crate::clock::due::Due;
use crate::desk::error::DeskError;
use crate::desk::{Desk, store};
use crate::request::Request;

/// A request that is open, and when its answer is due.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenRequest {
    /// The request.
    pub request: Request,
    /// When its answer is due, and why.
    pub due: Due,
}

impl<DB: Backend> Desk<DB> {
    /// All requests that are open, in the order in which they are to be worked on: those that go before
    /// others ([`NewRequest::expedited`](crate::NewRequest::expedited)), then by deadline, those whose
    /// clock stands still last.
    ///
    /// # Errors
    ///
    /// [`DeskError::Clock`], those of the database.
    pub async fn open_requests(&self) -> Result<Vec<OpenRequest>, DeskError> {
        let (mut open, mut after) = (Vec::new(), None);
        loop {
            let mut conn = self.pool.acquire().await?;
            let ids = store::open_ids::<DB>(&mut conn, self.tenant(), after).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            for id in ids {
                let request = store::load::<DB>(&mut conn, self.tenant(), id).await?.request;
                let due = request.due(self.rule()?, &self.options.place)?;
                open.push(OpenRequest { request, due });
            }
        }
        open.sort_by_cached_key(|one| {
            let ends = one.due.deadline().map(|deadline| deadline.ends);
            (one.request.expedited().is_none(), ends.is_none(), ends, one.request.id())
        });
        Ok(open)
    }
}
