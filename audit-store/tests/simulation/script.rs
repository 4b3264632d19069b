//! What happens on each day.

use audit_core::Downgrade;
use proptest::collection::vec;
use proptest::prelude::*;

/// How many people and records each tenant has.
pub(crate) const PEOPLE: usize = 12;
pub(crate) const RECORDS: usize = 8;

pub(crate) const PLANS: [&str; 3] = ["starter", "pro", "business"];

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) downgrade: Downgrade,
    /// The plan that each tenant begins with.
    pub(crate) plans: Vec<usize>,
    pub(crate) days: Vec<Day>,
}

#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub(crate) deeds: Vec<(usize, Deed)>,
    pub(crate) sweep: Sweep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    Whole,
    /// In small batches, given up after so many.
    GivenUp(usize),
}

/// Something that a tenant does, numbers of people, records and holds modulo those there are.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Record { person: Option<usize>, record: usize },
    ChangePlan(usize),
    HoldChain,
    HoldPerson(usize),
    HoldRecord(usize),
    Release(usize),
    Erase(usize),
    Reopen,
}

fn deed() -> impl Strategy<Value = Deed> {
    let record = (proptest::option::of(0..PEOPLE), 0..RECORDS);
    prop_oneof![
        80 => record.prop_map(|(person, record)| Deed::Record { person, record }),
        1 => (0..PLANS.len()).prop_map(Deed::ChangePlan),
        3 => prop_oneof![
            1 => Just(Deed::HoldChain),
            3 => (0..PEOPLE).prop_map(Deed::HoldPerson),
            3 => (0..RECORDS).prop_map(Deed::HoldRecord),
        ],
        2 => any::<usize>().prop_map(Deed::Release),
        5 => (0..PEOPLE).prop_map(Deed::Erase),
        1 => Just(Deed::Reopen),
    ]
}

/// Scripts of so many days: of four tenants, or in the short form of one a plan.
pub(crate) fn scripts(days: usize) -> impl Strategy<Value = Script> {
    let tenants = if days > 365 { 4 } else { 3 };
    let sweep = prop_oneof![9 => Just(Sweep::Whole), 1 => (0..3_usize).prop_map(Sweep::GivenUp)];
    let day = (vec((0..tenants, deed()), 0..12), sweep);
    let downgrade = prop_oneof![
        3 => Just(Downgrade::Grace(7)),
        2 => Just(Downgrade::KeepStamped),
        1 => Just(Downgrade::Immediate),
    ];
    (downgrade, vec(day.prop_map(|(deeds, sweep)| Day { deeds, sweep }), days)).prop_map(
        move |(downgrade, days)| {
            let plans = (0..tenants).map(|tenant| tenant % PLANS.len()).collect();
            Script { downgrade, plans, days }
        },
    )
}
