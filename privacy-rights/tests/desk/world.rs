//! What the tests of a desk ask of its world.

use privacy_rights::{Backend, DeskError, Identifier, NewRequest, Right, Selection};
use uuid::Uuid;

pub(crate) use crate::home::{Home, World, clerk, world};

pub(crate) fn ann() -> Selection {
    Selection::of(Identifier::new("email", "CANARY-ann@example.com").unwrap())
        .and(Identifier::new("customer_id", "1").unwrap())
        .unwrap()
}

impl<DB: Backend + crypto_fields::Backend> World<DB> {
    pub(crate) async fn receive(&self, right: Right) -> Uuid {
        self.desk.receive(NewRequest::new(right, ann()), clerk()).await.unwrap()
    }

    /// Which error a step gives, and that it left no trace.
    pub(crate) async fn fails<T>(
        &self,
        id: Uuid,
        step: impl Future<Output = Result<T, DeskError>>,
    ) -> DeskError {
        let before = (self.desk.request(id).await.unwrap(), self.actions().await);
        let Err(error) = step.await else { panic!("it was done") };
        assert_eq!((self.desk.request(id).await.unwrap(), self.actions().await), before);
        error
    }
}
