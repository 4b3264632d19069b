//! Plans: what would go, what would stay, and why.

use privacy_rights::{
    Backend, Blocker, BoxFuture, Connection, ErasurePlan, Item, LastAdministrator, NothingIsHeld,
    Permit, PersonalDataSource, PlanError, Reason, Selection, SourceError, Step, Until, verdict,
};
use uuid::Uuid;

use crate::behaviours;
use crate::shop::{Shop, ann, day, person, run, shop, step};

const REQUEST: Uuid = Uuid::from_u128(5);

/// Keeps one record.
struct Held(&'static str, &'static str);

impl Permit for Held {
    fn reasons<'a>(
        &'a self,
        _conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        let held = item.source == self.0 && item.key == self.1;
        let reason = Reason::new("2026-C-114", Until::HoldReleased("hold-1".into()));
        Box::pin(async move { Ok(if held { vec![reason] } else { Vec::new() }) })
    }
}

async fn plan<DB: Backend>(shop: &Shop<DB>, permit: &dyn Permit, step: &Step) -> ErasurePlan {
    let sources = shop.sources();
    let sources: Vec<&dyn PersonalDataSource> = sources.iter().map(|source| &**source).collect();
    let what = (&*sources, &ann());
    ErasurePlan::make((REQUEST, "gdpr-17-1-b"), what, step, permit, &[]).await.unwrap()
}

/// Source, erased, and of what is kept the records and how many reasons.
type Counts<'a> = (&'a str, u64, Vec<(u64, usize)>);

fn counts(plan: &ErasurePlan) -> Vec<Counts<'_>> {
    let kept = |source: &privacy_rights::PlannedSource| {
        source.kept.iter().map(|kept| (kept.records, kept.reasons.len())).collect()
    };
    plan.sources.iter().map(|one| (one.source.as_str(), one.erased, kept(one))).collect()
}

behaviours! {
    async fn a_plan_is_what_is_then_done(db) {
        let shop = shop(&db).await;
        let planned = plan(&shop, &NothingIsHeld, &step()).await;
        assert_eq!(counts(&planned), [
            ("invoice_lines", 4, vec![(2, 1), (1, 1)]),
            ("invoices", 2, vec![(1, 1), (1, 1)]),
            ("customers", 1, vec![]),
        ]);
        let law = |until| Reason::new("Belgian VAT Code Art. 60", Until::Date(day(until)));
        assert_eq!(planned.sources[1].kept[0].reasons, [law("2028-05-01")]);
        assert_eq!(planned.sources[1].strategies["deleted with its row"], 3);
        // It changed nothing, and each source does what was foreseen.
        assert_eq!(plan(&shop, &NothingIsHeld, &step()).await, planned);
        for (source, foreseen) in shop.sources().iter().zip(&planned.sources) {
            let mut kept = 0;
            let each = |applied: &privacy_rights::Applied| kept += applied.kept.len() as u64;
            let done =
                privacy_rights::apply_all(&**source, &ann(), &step(), &NothingIsHeld, each).await;
            assert_eq!(done.unwrap(), foreseen.erased);
            assert_eq!(kept, foreseen.kept.iter().map(|kept| kept.records).sum::<u64>());
        }
    }

    async fn only_the_plan_that_was_approved_may_begin(db) {
        let shop = shop(&db).await;
        let approved = plan(&shop, &NothingIsHeld, &step()).await.digest();
        plan(&shop, &NothingIsHeld, &step()).await.may_begin(&approved).unwrap();
        // A hold, a record more, a day later on which a law lets go.
        let held = plan(&shop, &Held("invoice_lines", "1"), &step()).await;
        assert_eq!(held.may_begin(&approved), Err(PlanError::Stale));
        let later = Step::new(Uuid::nil(), day("2028-05-02"));
        let later = plan(&shop, &NothingIsHeld, &later).await;
        assert_eq!(later.may_begin(&approved), Err(PlanError::Stale));
        run(&shop.pool, r#"INSERT INTO "InvoiceLine" VALUES (90, 1, 1, 1)"#).await;
        let more = plan(&shop, &NothingIsHeld, &step()).await;
        assert_eq!(more.may_begin(&approved), Err(PlanError::Stale));
        assert_eq!(more.may_begin(&more.digest()), Ok(()));
    }

    async fn a_hold_speaks_before_a_law(db) {
        let shop = shop(&db).await;
        let planned = plan(&shop, &Held("invoices", "3"), &step()).await;
        let kept = planned.sources[1].kept.iter().find(|kept| kept.reasons.len() == 2).unwrap();
        assert_eq!(kept.reasons[0].until, Until::HoldReleased("hold-1".into()));
        assert_eq!(kept.records, 1);
        assert_eq!(planned.sources[1].erased, 2, "the others go all the same");
    }

    async fn the_last_administrator_stays(db) {
        let shop = shop(&db).await;
        run(&shop.pool, r#"CREATE TABLE "Membership" ("Org" INTEGER NOT NULL,
            "Member" INTEGER NOT NULL, "Role" VARCHAR(10) NOT NULL)"#).await;
        run(&shop.pool, r#"INSERT INTO "Membership" VALUES
            (1, 1, 'admin'), (1, 2, 'admin'), (2, 1, 'admin'), (2, 2, 'member'), (3, 1, 'member')"#)
            .await;
        let blocker = LastAdministrator::new(
            shop.pool.clone(), "Membership", ("Org", "Member", "Role"), "admin", "customer_id",
        ).unwrap();
        let blocks = async |who: &Selection| blocker.blocks(who).await.unwrap();
        assert_eq!(blocks(&ann()).await.len(), 1);
        assert_eq!(blocks(&ann()).await[0].ground, "the last administrator of 1");
        assert!(blocks(&person("customer_id", "2")).await.is_empty());
        assert!(blocks(&person("email", "ann@example.com")).await.is_empty());
        // Two accounts of one person do not stand in for each other.
        let both = ann().and(privacy_rights::Identifier::new("customer_id", "2").unwrap()).unwrap();
        assert_eq!(blocks(&both).await[0].ground, "the last administrator of 2");

        let what: (&[&dyn PersonalDataSource], _) = (&[], &ann());
        let plan =
            ErasurePlan::make((REQUEST, "g"), what, &step(), &NothingIsHeld, &[&blocker]).await;
        let plan = plan.unwrap();
        let refused = plan.may_begin(&plan.digest()).unwrap_err();
        assert!(matches!(refused, PlanError::Blocked { reasons } if reasons.len() == 1));
        run(&shop.pool, r#"UPDATE "Membership" SET "Role" = 'admin' WHERE "Org" = 2"#).await;
        assert!(blocks(&ann()).await.is_empty());
    }
}

#[test]
fn every_rule_speaks_in_its_order() {
    let law = Reason::new("law", Until::Date(day("2031-05-01")));
    let hold = Reason::new("2026-C-114", Until::HoldReleased("hold-1".into()));
    let decision = verdict(&[law.clone(), hold], REQUEST);
    assert!(decision.is_kept());
    let names: Vec<bool> = decision.reasons().iter().map(audit_core::Reason::keeps).collect();
    assert_eq!(names[..3], [true, true, false], "the hold, the law, the request");
    assert!(
        matches!(decision.ruling(), Some(audit_core::Reason::Hold { hold }) if hold == "hold-1")
    );
    assert!(verdict(&[law], REQUEST).is_kept());
    assert!(!verdict(&[], REQUEST).is_kept());
}
