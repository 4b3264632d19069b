//! Each case names the rule that it stands for.

use crate::table::{Case, check, clock};

/// Regulation (EEC, Euratom) 1182/71 Art. 3 with GDPR Art. 12(3).
#[rustfmt::skip]
const MONTHS: &[Case] = &[
    ("Art. 3(2)(c): the same date of the next month", "gdpr", "BE", "start:2024-03-05", "2024-04-05"),
    ("Art. 3(1): the day of the event is not counted", "gdpr", "BE", "start:2026-06-10T00:01Z", "2026-07-10"),
    ("Art. 3(2)(c): no 31 September", "gdpr", "BE", "start:2026-08-31", "2026-09-30"),
    ("Art. 3(2)(c) and (4): 28 February is a Sunday", "gdpr", "BE", "start:2027-01-31", "2027-03-01"),
    ("Art. 3(2)(c): a leap year", "gdpr", "BE", "start:2028-01-31", "2028-02-29"),
    ("Art. 3(2)(c): the 30th clamps, too", "gdpr", "UTC", "start:2025-01-30", "2025-02-28"),
    ("Art. 3(2)(c): and the 29th", "gdpr", "UTC", "start:2025-01-29", "2025-02-28"),
    ("Art. 3(2)(c): the 28th has its date", "gdpr", "UTC", "start:2025-01-28", "2025-02-28"),
    ("Art. 3(2)(c): the 30th in a leap year", "gdpr", "UTC", "start:2024-01-30", "2024-02-29"),
    ("Art. 3(2)(c): the end of February is not sticky", "gdpr", "UTC", "start:2025-02-28", "2025-03-28"),
    ("Art. 3(2)(c): nor is 29 February", "gdpr", "UTC", "start:2024-02-29", "2024-03-29"),
    ("Art. 3(2)(c) and (4): 28 March is a Saturday", "gdpr", "BE", "start:2026-02-28", "2026-03-30"),
    ("Art. 3(4): over the turn of the year", "gdpr", "BE", "start:2025-12-31", "2026-02-02"),
    ("the receipt is a day of the controller's zone", "gdpr", "BE", "start:2026-06-09T22:30Z", "2026-07-10"),
    ("the same moment in another zone is the day before", "gdpr", "UK", "start:2026-06-09T22:30Z", "2026-07-09"),
    ("the same moment beyond the date line", "gdpr", "Pacific/Auckland", "start:2026-06-10T12:30Z", "2026-07-13"),
    ("the last day ends at local midnight, winter", "gdpr", "BE", "start:2026-02-27", "2026-03-27 ends 2026-03-27T23:00Z"),
    ("the last day ends at local midnight, summer", "gdpr", "BE", "start:2026-06-10", "2026-07-10 ends 2026-07-10T22:00Z"),
];

/// Regulation 1182/71 Art. 3(4): Saturdays, Sundays, holidays.
#[rustfmt::skip]
const ROLLING: &[Case] = &[
    ("Sunday, then Easter Monday", "gdpr", "BE", "start:2026-03-05", "2026-04-07 alarm 2026-04-05"),
    ("without a calendar, Monday", "gdpr", "Europe/Brussels", "start:2026-03-05", "2026-04-06"),
    ("Labour Day, a Friday", "gdpr", "BE", "start:2026-04-01", "2026-05-04"),
    ("Ascension Day, a Thursday", "gdpr", "BE", "start:2026-04-14", "2026-05-15"),
    ("Whit Monday", "gdpr", "BE", "start:2026-04-25", "2026-05-26"),
    ("National Day", "gdpr", "BE", "start:2026-06-21", "2026-07-22"),
    ("a holiday that is a Saturday", "gdpr", "BE", "start:2026-07-15", "2026-08-17"),
    ("Armistice Day, a Wednesday", "gdpr", "BE", "start:2026-10-11", "2026-11-12"),
    ("Christmas Day, a Friday", "gdpr", "BE", "start:2026-11-25", "2026-12-28"),
    ("New Year's Day, a Friday", "gdpr", "BE", "start:2026-12-01", "2027-01-04"),
    ("a holiday of the receipt has no effect", "gdpr", "BE", "start:2026-05-01", "2026-06-01"),
    ("Good Friday to Easter Monday in England", "uk", "UK", "start:2026-03-03", "2026-04-07"),
    ("Art. 3(3): holidays within the period count", "gdpr", "BE", "start:2026-05-05", "2026-06-05"),
];

/// GDPR Art. 12(3), second sentence: once, to three months.
#[rustfmt::skip]
const EXTENSIONS: &[Case] = &[
    ("three months from the receipt", "gdpr", "BE", "start:2026-01-31 extend:2026-02-10", "2026-04-30 alarm 2026-04-28"),
    ("28 February is a Sunday", "gdpr", "BE", "start:2026-11-30 extend:2026-12-01", "2027-03-01 alarm 2027-02-28"),
    ("28 February is a Saturday", "gdpr", "BE", "start:2025-11-30 extend:2025-12-01", "2026-03-02 alarm 2026-02-28"),
    ("one month, then two, from 31 May", "gdpr", "BE", "start:2026-05-31 extend:2026-06-20", "2026-08-31 alarm 2026-08-30"),
    ("one month, then two, from 31 March", "gdpr", "BE", "start:2026-03-31 extend:2026-04-20", "2026-06-30 alarm 2026-06-30"),
    ("it ends on Easter Monday", "gdpr", "BE", "start:2026-12-29 extend:2027-01-05", "2027-03-30 alarm 2027-03-29"),
    ("announced on the receipt's day", "gdpr", "BE", "start:2026-03-05 extend:2026-03-05T11:00Z", "2026-06-05"),
    ("announced on the last day, rolled", "gdpr", "BE", "start:2026-03-05 extend:2026-04-07", "2026-06-05"),
    ("announced while it stands still", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 extend:2026-07-20 got-id:2026-07-25", "2026-10-26 alarm 2026-10-24"),
    ("stands still, extended or not", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 extend:2026-07-20", "paused 2026-06-12"),
    ("a question within the extension", "gdpr", "BE", "start:2026-06-11 extend:2026-07-01 ask-scope:2026-08-03 got-scope:2026-08-05", "2026-09-14 alarm 2026-09-13"),
    ("California: 90 days in total", "ccpa", "CA", "start:2026-01-02 extend:2026-02-01", "2026-04-02 alarm 2026-04-01"),
    ("California: announced on day 45", "ccpa", "CA", "start:2026-01-02 extend:2026-02-16T20:00Z", "2026-04-02"),
    ("United Kingdom: two further months", "uk", "UK", "start:2026-01-31 extend:2026-02-10", "2026-04-30 alarm 2026-04-28"),
];

/// EDPB Guidelines 01/2022, section 5.3: waiting for the person.
#[rustfmt::skip]
const PAUSES: &[Case] = &[
    ("the days until the answer are added", "gdpr", "BE", "start:2026-06-11 ask-scope:2026-06-12 got-scope:2026-06-22", "2026-07-22"),
    ("identity likewise", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 got-id:2026-06-22", "2026-07-22"),
    ("a question answered the same day costs nothing", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 got-id:2026-06-12T15:00Z", "2026-07-13"),
    ("the same local day", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12T22:30Z got-id:2026-06-13T21:00Z", "2026-07-13"),
    ("asked on the day of the receipt", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-11T11:00Z got-id:2026-06-15", "2026-07-15"),
    ("overlapping ones count once", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 ask-scope:2026-06-15 got-id:2026-06-20 got-scope:2026-06-22", "2026-07-22"),
    ("one within another counts once", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 ask-scope:2026-06-14 got-scope:2026-06-16 got-id:2026-06-22", "2026-07-22"),
    ("two that touch add up", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 got-id:2026-06-15 ask-scope:2026-06-15T11:00Z got-scope:2026-06-22", "2026-07-22"),
    ("two apart add up", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 got-id:2026-06-15 ask-scope:2026-06-20 got-scope:2026-06-22", "2026-07-16"),
    ("the same question twice", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 got-id:2026-06-14 ask-id:2026-06-16 got-id:2026-06-18", "2026-07-15"),
    ("added before it is rolled, and rolled once", "gdpr", "BE", "start:2026-03-05 ask-id:2026-03-10 got-id:2026-03-11", "2026-04-07 alarm 2026-04-06"),
    ("added to the clamped date", "gdpr", "BE", "start:2026-01-31 ask-id:2026-02-02 got-id:2026-02-03", "2026-03-02 alarm 2026-03-01"),
    ("an open question: no date", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12", "paused 2026-06-12"),
    ("one answered, one open", "gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12 ask-scope:2026-06-13 got-id:2026-06-14", "paused 2026-06-13"),
    ("asked after the rolled deadline: nothing changes", "gdpr", "BE", "start:2026-06-11 ask-id:2026-07-14", "2026-07-13"),
    ("asked on the rolled deadline: in time", "gdpr", "BE", "start:2026-06-11 ask-id:2026-07-13 got-id:2026-07-20", "2026-07-20"),
    ("asked on the rolled deadline, added to the unrolled date", "gdpr", "BE", "start:2026-06-11 ask-id:2026-07-13 got-id:2026-07-15", "2026-07-13"),
    ("Art. 12(5): a fee stops nothing", "gdpr", "BE", "start:2026-06-11 ask-fee:2026-06-12 got-fee:2026-06-22", "2026-07-13"),
];

/// UK GDPR Art. 12A, as the Data (Use and Access) Act 2025 has it.
#[rustfmt::skip]
const UNITED_KINGDOM: &[Case] = &[
    ("ICO: received on 3 September; 3 October is a Saturday", "uk", "UK", "start:2026-09-03", "2026-10-05"),
    ("ICO: no 31 April", "uk", "UK", "start:2026-03-31", "2026-04-30"),
    ("the summer bank holiday", "uk", "UK", "start:2026-07-31", "2026-09-01"),
    ("Art. 12A(2): from the proof of identity", "uk", "UK", "start:2026-03-03 ask-id:2026-03-05 got-id:2026-03-20", "2026-04-20"),
    ("Art. 12A(2): from the fee, where that is later", "uk", "UK", "start:2026-03-03 ask-id:2026-03-05 ask-fee:2026-03-05 got-id:2026-03-20 got-fee:2026-03-25", "2026-04-27"),
    ("Art. 12A(2): from the identity, where the fee came first", "uk", "UK", "start:2026-03-03 ask-fee:2026-03-04 ask-id:2026-03-05 got-fee:2026-03-06 got-id:2026-03-20", "2026-04-20"),
    ("Art. 12A(2): it has not begun", "uk", "UK", "start:2026-03-03 ask-id:2026-03-05", "paused 2026-03-05"),
    ("proven on the same day", "uk", "UK", "start:2026-03-03 ask-id:2026-03-03T11:00Z got-id:2026-03-03T12:00Z", "2026-04-07"),
    ("Art. 12A(6): clarification is disregarded", "uk", "UK", "start:2026-03-10 ask-scope:2026-03-12 got-scope:2026-03-20", "2026-04-20 alarm 2026-04-18"),
    ("clarification before the period began is not added", "uk", "UK", "start:2026-03-03 ask-scope:2026-03-04 ask-id:2026-03-04T11:00Z got-id:2026-03-20 got-scope:2026-03-24", "2026-04-24"),
    ("Art. 12A(2): even where a shorter month makes that earlier", "uk", "UK", "start:2025-01-29 ask-scope:2025-01-29T11:00Z ask-id:2025-01-29T12:00Z got-scope:2025-01-31 got-id:2025-01-31T11:00Z", "2025-02-28"),
    ("the extension counts from the proof, too", "uk", "UK", "start:2026-03-03 ask-id:2026-03-05 got-id:2026-03-20 extend:2026-04-15", "2026-06-22 alarm 2026-06-20"),
];

/// Cal. Civ. Code 1798.130 and 11 CCR 7021 to 7027.
#[rustfmt::skip]
const CALIFORNIA: &[Case] = &[
    ("7021(b): 45 calendar days, on a holiday", "ccpa", "CA", "start:2026-01-02", "2026-02-16 alarm 2026-02-15"),
    ("7021(b): 45 calendar days, on a Saturday", "ccpa", "CA", "start:2026-03-04T18:00Z", "2026-04-18 alarm 2026-04-17"),
    ("7021(b): the local day", "ccpa", "CA", "start:2026-03-05T03:00Z", "2026-04-18"),
    ("7021(b): regardless of the time to verify", "ccpa", "CA", "start:2026-01-02 ask-id:2026-01-03 got-id:2026-02-01", "2026-02-16"),
    ("7021(b): even while it is not verified", "ccpa", "CA", "start:2026-01-02 ask-id:2026-01-03", "2026-02-16"),
    ("7021(a): confirmed within 10 business days", "ccpa/confirm", "CA", "start:2026-12-17T20:00Z", "2027-01-04"),
    ("7026(f): opt-out within 15 business days", "ccpa/opt_out", "CA", "start:2026-06-01T20:00Z", "2026-06-23"),
    ("7027(g): limit within 15 business days", "ccpa/limit", "CA", "start:2026-03-02T20:00Z", "2026-03-23"),
];

/// GDPR Art. 33(1): 72 hours from awareness.
#[rustfmt::skip]
const BREACHES: &[Case] = &[
    ("the clocks go forward", "gdpr/tell_authority", "BE", "start:2026-03-27T09:20Z", "2026-03-30 ends 2026-03-30T09:20Z"),
    ("the clocks go back", "gdpr/tell_authority", "BE", "start:2026-10-23T22:30Z", "2026-10-26 ends 2026-10-26T22:30Z"),
    ("a weekend and a holiday count", "gdpr/tell_authority", "BE", "start:2026-05-22T16:00Z", "2026-05-25 ends 2026-05-25T16:00Z"),
    ("in the United Kingdom as well", "uk/tell_authority", "UK", "start:2026-04-03T08:00Z", "2026-04-06 ends 2026-04-06T08:00Z"),
    ("as amended: 96 hours", "96 hours", "BE", "start:2026-03-27T09:20Z", "2026-03-31 ends 2026-03-31T09:20Z"),
    ("to the users of a service, within 72 hours", "72 hours", "BE", "start:2026-12-24T12:00Z", "2026-12-27 ends 2026-12-27T12:00Z"),
];

/// What contracts promise, and the units that laws use less.
#[rustfmt::skip]
const CONTRACTS: &[Case] = &[
    ("within one business day, over Whit Monday", "1 working", "BE", "start:2026-05-22", "2026-05-26"),
    ("within one business day, from a Saturday", "1 working", "BE", "start:2026-06-13", "2026-06-15"),
    ("deleted within 30 days, on a Saturday", "30 days", "BE", "start:2026-01-15", "2026-02-14"),
    ("rolled where the contract says so", "30 days rolled", "BE", "start:2026-01-15", "2026-02-16 alarm 2026-02-14"),
    ("Art. 3(5): two days from a Friday have two working days", "2 days regulation", "UTC", "start:2026-06-12", "2026-06-16"),
    ("Art. 3(5): two days from a Thursday have them", "2 days regulation", "UTC", "start:2026-06-11", "2026-06-15"),
    ("Art. 3(5): one day is not two", "1 days regulation", "UTC", "start:2026-06-12", "2026-06-15"),
    ("Art. 3(2)(c): weeks end on the same day of the week", "2 weeks regulation", "BE", "start:2026-06-10", "2026-06-24"),
    ("Art. 3(4): weeks roll", "2 weeks regulation", "BE", "start:2026-04-30", "2026-05-15"),
    ("11 CCR 7101: a record for 24 months", "24 months rolled", "UTC", "start:2024-02-29", "2026-03-02 alarm 2026-02-28"),
    ("Chile's clocks skip midnight", "30 days", "America/Santiago", "start:2026-08-06T15:00Z", "2026-09-05 ends 2026-09-06T04:00Z"),
    ("Samoa skipped a day", "10 days", "Pacific/Apia", "start:2011-12-19T22:00Z", "2011-12-29 ends 2011-12-30T10:00Z"),
];

#[test]
fn months_of_the_regulation() {
    check(MONTHS);
}

#[test]
fn rest_days() {
    check(ROLLING);
}

#[test]
fn extensions() {
    check(EXTENSIONS);
}

#[test]
fn pauses() {
    check(PAUSES);
}

#[test]
fn the_united_kingdom() {
    check(UNITED_KINGDOM);
}

#[test]
fn california() {
    check(CALIFORNIA);
}

#[test]
fn breaches() {
    check(BREACHES);
}

#[test]
fn contracts() {
    check(CONTRACTS);
}

#[test]
fn the_grounds_are_in_words() {
    let due = clock("gdpr", "BE", "start:2026-03-05").unwrap();
    let words: Vec<String> = due.grounds().iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "runs from the request on 2026-03-05 in Europe/Brussels; that day is not counted \
             (Regulation 1182/71 Art. 3(1) and (2)(c))",
            "1 month from 2026-03-05: 2026-04-05 (GDPR Art. 12(3))",
            "2026-04-05 is a Sunday: the next working day is 2026-04-07 \
             (Regulation 1182/71 Art. 3(4))",
        ]
    );
    let due = clock(
        "gdpr",
        "BE",
        "start:2026-06-11 ask-scope:2026-06-12 got-scope:2026-06-22 extend:2026-07-01",
    );
    let words: Vec<String> = due.unwrap().grounds().iter().map(ToString::to_string).collect();
    assert_eq!(
        words[1..],
        [
            "extended on 2026-07-01, with reasons, within the first period \
             (GDPR Art. 12(3), second sentence)",
            "stood still from 2026-06-12 until 2026-06-22, for what is meant \
             (GDPR recital 63; EDPB Guidelines 01/2022, section 5.3)",
            "3 months from 2026-06-11: 2026-09-11, and 10 days on which it stood still: \
             2026-09-21 (GDPR Art. 12(3), second sentence)",
        ]
    );
}

#[test]
fn a_breach_warns_on_the_way() {
    let due = clock("gdpr/tell_authority", "BE", "start:2026-03-27T09:20Z").unwrap();
    let warnings: Vec<String> =
        due.deadline().unwrap().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "2026-03-28T09:20:00.000000Z",
            "2026-03-29T09:20:00.000000Z",
            "2026-03-29T21:20:00.000000Z",
            "2026-03-30T09:20:00.000000Z",
        ]
    );
}

#[test]
fn overdue_from_the_first_moment_after_the_last_day() {
    let due = clock("gdpr", "BE", "start:2026-06-10").unwrap();
    let ends = due.deadline().unwrap().ends;
    assert!(due.is_overdue(ends));
    assert!(!due.is_overdue(ends.saturating_sub(std::time::Duration::from_micros(1))));
    let paused = clock("gdpr", "BE", "start:2026-06-11 ask-id:2026-06-12").unwrap();
    assert!(!paused.is_overdue(crate::table::moment("2030-01-01")));
}

#[test]
fn an_extension_can_be_announced_until_the_first_period_ends() {
    let until = |rule, what| clock(rule, "BE", what).unwrap().deadline().unwrap().extendable_until;
    let open = until("gdpr", "start:2026-03-05").unwrap();
    assert_eq!(open.to_string(), "2026-04-07T22:00:00.000000Z");
    assert_eq!(until("gdpr", "start:2026-03-05 extend:2026-03-06"), None);
    assert_eq!(until("30 days", "start:2026-03-05"), None);
}

#[test]
fn there_are_enough_cases() {
    let all =
        [MONTHS, ROLLING, EXTENSIONS, PAUSES, UNITED_KINGDOM, CALIFORNIA, BREACHES, CONTRACTS];
    let names: std::collections::BTreeSet<_> = all.iter().copied().flatten().collect();
    assert!(names.len() >= 60, "{}", names.len());
}
