//! What a person has said, as a source.

use std::sync::Arc;

use audit_core::Target;
use audit_store::HoldOrder;
use privacy_rights::{
    FieldValue, HoldPermit, LegalBasis, NothingIsHeld, PersonalDataSource as _, Preference,
    PreferenceEvent, PreferenceSource, Purpose, Step, apply_all, foresee_all,
};
use uuid::Uuid;

use crate::at;
use crate::behaviours;
use crate::support::{belgium, shop_map};
use crate::world::{clerk, person, world};

fn step() -> Step {
    Step::new(Uuid::from_u128(7), "2026-06-11".parse().unwrap())
}

behaviours! {
    async fn a_copy_holds_it_and_an_erasure_ends_it(db) {
        let world = world(&db).await;
        let kept = &world.registers;
        let place = (belgium(), "our own data centre");
        let kinds = ["email", "customer_id"];
        let source = PreferenceSource::new(Arc::clone(kept), place, "sale", kinds).unwrap();
        // It stands in a data map like any other.
        let map = shop_map().source(source.declaration().clone()).build().unwrap();
        assert!(map.source("preferences").is_some());
        let ann = person(&[("email", "ann@example.com"), ("customer_id", "1")]);
        let (text_version, act) = ("1".into(), "ticked".into());
        let given = Preference::ConsentGiven { purpose: "news".into(), text_version, act };
        for (day, preference) in [
            ("2026-06-01", given),
            ("2026-06-02", Preference::Objected { purpose: "marketing".into() }),
            ("2026-06-03", Preference::Restricted { letter: 'a' }),
        ] {
            let event = PreferenceEvent::new(at(day), preference);
            kept.prefer(&ann, event, clerk()).await.unwrap();
        }
        let page = source.scan(&ann, None, 2).await.unwrap();
        let value = |text: &str| FieldValue::Value(text.into());
        assert_eq!(page.records[1].fields[1], ("what".into(), value("objected")));
        assert_eq!(page.records[1].fields[3], ("detail".into(), FieldValue::Absent));
        let next = source.scan(&ann, page.next.as_ref(), 2).await.unwrap();
        assert_eq!((page.records.len(), next.records.len(), next.next), (2, 1, None));

        let order = Target::new("customer_id", "1");
        let order = HoldOrder::on_target("acme", &order, "case-1", "file 12/26", clerk());
        world.journal.place_hold(&order).await.unwrap();
        let holds = HoldPermit::new(world.journal.clone(), "acme")
            .target(Target::new("customer_id", "1"));
        let mut held = 0;
        let done = apply_all(&source, &ann, &step(), &holds, |one| held += one.kept.len()).await;
        assert_eq!((done.unwrap(), held), (0, 1));
        world.journal.release_hold("acme", "case-1", clerk()).await.unwrap();

        let seen = foresee_all(&source, &ann, &step(), &NothingIsHeld, |_| ()).await;
        assert_eq!(seen.unwrap(), 1);
        assert_eq!(source.remaining(&ann, &step()).await.unwrap().records, 1);
        assert_eq!(world.actions("register.preferences").await, Vec::<String>::new());
        for changed in [1, 0] {
            let done = apply_all(&source, &ann, &step(), &holds, |_| ()).await;
            assert_eq!(done.unwrap(), changed);
            assert_eq!(source.remaining(&ann, &step()).await.unwrap().records, 0);
        }
        let interest = "to sell".into();
        let marketing = LegalBasis::LegitimateInterests { interest };
        let marketing = Purpose::new("marketing", "words", marketing);
        let news = Purpose::new("news", "words", LegalBasis::Consent);
        let sale = Purpose::new("sale", "words", LegalBasis::Contract);
        let back = person(&[("email", "ann@example.com"), ("customer_id", "9")]);
        for (purpose, granted) in [(marketing, false), (news, false), (sale, true)] {
            let permission = kept.permit(&back, &purpose).await.unwrap();
            assert_eq!(permission.is_granted(), granted, "{}", purpose.name());
        }
        assert_eq!(kept.preferences(&back).await.unwrap().history().len(), 4);
        assert_eq!(kept.preferences(&person(&[("customer_id", "1")])).await.unwrap().history(), []);
    }
}
