//! What is due by itself.

use audit_core::{Actor, Timestamp};
use uuid::Uuid;

use crate::backend::Backend;
use crate::clock::due::Due;
use crate::desk::download::DownloadError;
use crate::desk::error::DeskError;
use crate::desk::{Desk, store};
use crate::request::event::{AlarmKind, RequestEvent};
use crate::request::{Request, RequestState};

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// Bundles whose files were deleted: they had expired, were not finished or belonged to nobody.
    pub bundles: Vec<Uuid>,
    /// Requests whose deadline came near or has passed since the last sweep, with the kind.
    pub alarms: Vec<(Uuid, AlarmKind)>,
    /// Requests whose time to think it over has passed, and which are begun now.
    pub begun: Vec<Uuid>,
    /// Requests that ended because nobody answered.
    pub expired: Vec<Uuid>,
    /// Requests that ended so long ago that it was forgotten whom they were about.
    pub forgotten: Vec<Uuid>,
}

impl<DB: Backend> Desk<DB> {
    /// Does what is due by itself in all open requests: raises each alarm once, begins what has
    /// cooled off, ends what nobody answers. Of requests that ended before the record period
    /// ([`DeskOptions::record_months`](crate::DeskOptions::record_months)) it forgets whom they were
    /// about; of an erasure the [`Eraser`](crate::Eraser::sweep) does. Bundles that have expired are
    /// deleted, and what crashes have left in their folder. To be called now and then, by one process
    /// or by many: what another has just changed is left for the next time.
    ///
    /// # Errors
    ///
    /// [`DeskError::Clock`], those of the database and the journal; what was done before stays.
    pub async fn sweep(&self) -> Result<SweepReport, DeskError> {
        let mut report = SweepReport::default();
        let mut after = None;
        loop {
            let mut conn = self.pool.acquire().await?;
            let ids = store::open_ids::<DB>(&mut conn, self.tenant(), after).await?;
            drop(conn);
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            for id in ids {
                match self.sweep_one(id, &mut report).await {
                    // Somebody is just at it.
                    Ok(()) | Err(DeskError::Conflict | DeskError::Transition(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.sweep_closed(&mut report).await?;
        report.bundles = match self.sweep_bundles().await {
            Ok(deleted) => deleted,
            Err(DownloadError::Desk(error)) => return Err(error),
            Err(error) => return Err(DeskError::Bundles(Box::new(error))),
        };
        Ok(report)
    }

    /// Forgets whom requests were about whose record period is over.
    async fn sweep_closed(&self, report: &mut SweepReport) -> Result<(), DeskError> {
        let mut after = None;
        loop {
            let mut conn = self.pool.acquire().await?;
            let ids = store::remembered_ids::<DB>(&mut conn, self.tenant(), after).await?;
            drop(conn);
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(*last);
            for id in ids {
                let end = self.request(id).await?.events().last().map(|(at, _)| *at);
                if end.is_some_and(|end| self.options.is_old(end)) {
                    self.forget_person(id).await?;
                    report.forgotten.push(id);
                }
            }
        }
    }

    async fn sweep_one(&self, id: Uuid, report: &mut SweepReport) -> Result<(), DeskError> {
        let now = self.options.clock.now();
        let mut due = self.due_by_itself(&self.request(id).await?, now)?;
        while due.is_some() {
            let mut tx = self.journal.begin().await?;
            // Another sweep may have done it meanwhile: what counts is what stands in here.
            let request = store::load::<DB>(&mut tx, self.tenant(), id).await?.request;
            let Some(event) = self.due_by_itself(&request, now)? else {
                tx.rollback().await?;
                return Ok(());
            };
            let actor = Actor::system("privacy-rights");
            let request = self.step_in(&mut tx, id, event.clone(), actor).await?;
            tx.commit().await?;
            match event {
                RequestEvent::Expired => report.expired.push(id),
                RequestEvent::Alarmed { kind } => report.alarms.push((id, kind)),
                _ => report.begun.push(id),
            }
            due = self.due_by_itself(&request, now)?;
        }
        Ok(())
    }

    /// What of an open request is due next without anybody's doing.
    fn due_by_itself(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<RequestEvent>, DeskError> {
        if !request.state().is_open() {
            return Ok(None);
        }
        if self.is_forsaken(request, now) {
            return Ok(Some(RequestEvent::Expired));
        }
        let due = request.due(self.rule()?, &self.options.place)?;
        if let Some(kind) = self.alarm(&due, now)
            && raised(request) < Some(kind)
        {
            return Ok(Some(RequestEvent::Alarmed { kind }));
        }
        let begins = request.state() == RequestState::CoolingOff && cooled_off(request, now);
        Ok(begins.then_some(RequestEvent::Begun))
    }

    /// Whether a question was not answered for longer than the desk is patient.
    fn is_forsaken(&self, request: &Request, now: Timestamp) -> bool {
        let waits =
            matches!(request.state(), RequestState::AwaitingIdentity | RequestState::AwaitingScope);
        let mut asked = request.events().iter().rev().filter(|(_, event)| {
            matches!(event, RequestEvent::IdentityAsked | RequestEvent::ScopeAsked)
        });
        let since = asked.next().map(|(at, _)| at.saturating_add(self.options.patience));
        waits && since.is_some_and(|until| now > until)
    }

    /// Which alarm a deadline gives at that moment.
    fn alarm(&self, due: &Due, now: Timestamp) -> Option<AlarmKind> {
        let deadline = due.deadline()?;
        if now >= deadline.ends {
            Some(AlarmKind::Overdue)
        } else if self.options.place.day(now) >= deadline.alarm {
            Some(AlarmKind::Cautious)
        } else {
            None
        }
    }
}

/// The worst alarm since the deadline was last moved.
fn raised(request: &Request) -> Option<AlarmKind> {
    let moved = |event: &RequestEvent| {
        matches!(
            event,
            RequestEvent::Extended { .. }
                | RequestEvent::IdentityProven { .. }
                | RequestEvent::ScopeAnswered
        )
    };
    let since = request.events().iter().rev().take_while(|(_, event)| !moved(event));
    let kinds = since.filter_map(|(_, event)| match event {
        RequestEvent::Alarmed { kind } => Some(*kind),
        _ => None,
    });
    kinds.fold(None, |worst, kind| std::cmp::max(worst, Some(kind)))
}

fn cooled_off(request: &Request, now: Timestamp) -> bool {
    let approved = request.events().iter().rev().find_map(|(_, event)| match event {
        RequestEvent::Approved { not_before, .. } => Some(*not_before),
        _ => None,
    });
    approved.flatten().is_some_and(|moment| now >= moment)
}
