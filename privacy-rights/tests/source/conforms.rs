//! The sources that are given do what a host's own are held to; sources that do not are found.

use privacy_rights::{
    Applied, BoxFuture, ConformanceError, Cursor, Identifier, NothingIsHeld, Page, Permit,
    PersonalDataSource, Remaining, Selection, SourceDeclaration, SourceError, Step, conformance,
};

use crate::behaviours;
use crate::world::{ann, keys, person, step, world};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Blind,
    Confused,
    Deaf,
    Forgetful,
    Greedy,
    Idle,
}

/// A source with a fault.
struct Faulty<'s>(&'s dyn PersonalDataSource, Fault);

impl PersonalDataSource for Faulty<'_> {
    fn declaration(&self) -> &SourceDeclaration {
        self.0.declaration()
    }

    fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        Box::pin(async move {
            let mut found = self.0.resolve(selection).await?;
            if self.1 == Fault::Confused {
                found.push(Identifier::new("customer_id", "3").unwrap());
            }
            Ok(found)
        })
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let mut page = self.0.scan(selection, after, limit).await?;
            if self.1 == Fault::Forgetful && limit == 2 {
                page.records.pop();
            }
            Ok(page)
        })
    }

    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async move {
            match self.1 {
                Fault::Deaf => {
                    // It asks, and does what it likes.
                    self.0.apply(selection, step, permit, after, limit).await?;
                    self.0.apply(selection, step, &NothingIsHeld, after, limit).await
                }
                Fault::Greedy => {
                    let other = person("customer_id", "3");
                    self.0.apply(&other, step, &NothingIsHeld, None, limit).await?;
                    self.0.apply(selection, step, permit, after, limit).await
                }
                Fault::Idle => {
                    let mut done = self.0.apply(selection, step, permit, after, limit).await?;
                    done.changed = 1;
                    Ok(done)
                }
                _ => self.0.apply(selection, step, permit, after, limit).await,
            }
        })
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(async move {
            let left = self.0.remaining(selection, step).await?;
            let more = u64::from(self.1 == Fault::Blind);
            Ok(Remaining::new(left.records + more, left.kept_by_law))
        })
    }
}

behaviours! {
    async fn a_table_conforms(db) {
        let world = world(&db).await;
        let other = person("customer_id", "3");
        conformance(&*world.lines, &ann(), &other, &step()).await.unwrap();
        conformance(&*world.invoices, &ann(), &other, &step()).await.unwrap();
        assert_eq!(keys(&*world.invoices, ann()).await, ["3", "4"]);
        let both = ann().and(Identifier::new("customer_id", "2").unwrap()).unwrap();
        conformance(&*world.customers, &both, &other, &step()).await.unwrap();
        // Where there is nothing left to erase, nothing is shown.
        let again = conformance(&*world.customers, &both, &other, &step()).await.unwrap_err();
        assert!(matches!(again, ConformanceError::TooLittle), "{again}");
    }

    async fn what_does_not_conform_is_found(db) {
        use ConformanceError as E;
        let world = world(&db).await;
        let other = person("customer_id", "3");
        // Pages are looked at before anything is erased.
        let found = |fault| {
            let lines = &world.lines;
            let other = &other;
            async move { conformance(&Faulty(&**lines, fault), &ann(), other, &step()).await }
        };
        let error = found(Fault::Forgetful).await.unwrap_err();
        assert!(matches!(error, E::Pages { size: 2 }), "{error}");
        let error = found(Fault::Confused).await.unwrap_err();
        assert!(matches!(error, E::Alias), "{error}");
        let error = found(Fault::Greedy).await.unwrap_err();
        assert!(matches!(error, E::OtherTouched), "{error}");
    }

    async fn a_hold_that_is_ignored_is_found(db) {
        let world = world(&db).await;
        let faulty = Faulty(&*world.lines, Fault::Deaf);
        let found = conformance(&faulty, &ann(), &person("customer_id", "3"), &step()).await;
        assert!(matches!(found, Err(ConformanceError::HoldIgnored)), "{found:?}");
    }

    async fn what_is_left_or_done_twice_is_found(db) {
        let world = world(&db).await;
        let other = person("customer_id", "3");
        let faulty = Faulty(&*world.lines, Fault::Blind);
        let found = conformance(&faulty, &ann(), &other, &step()).await;
        assert!(matches!(found, Err(ConformanceError::Left { records: 4, .. })), "{found:?}");
        let faulty = Faulty(&*world.invoices, Fault::Idle);
        let found = conformance(&faulty, &ann(), &other, &step()).await;
        assert!(matches!(found, Err(ConformanceError::AppliedTwice)), "{found:?}");
    }
}
