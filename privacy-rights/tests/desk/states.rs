//! What may follow what.

use privacy_rights::{
    AlarmKind, Duty, Place, RefusalReason, Regime, Request, RequestEvent, RequestState, Requester,
    Right, TransitionError,
};
use uuid::Uuid;

use crate::at;

const DAY: &str = "2026-06-11";

fn received() -> RequestEvent {
    let requester = Requester::Subject;
    RequestEvent::Received { right: Right::Erasure, requester, expedited: None }
}

fn proven() -> RequestEvent {
    RequestEvent::IdentityProven { method: "session".into() }
}

fn planned(digest: &str) -> RequestEvent {
    RequestEvent::Planned { digest: digest.into() }
}

fn approved(digest: &str) -> RequestEvent {
    RequestEvent::Approved { digest: digest.into(), not_before: None }
}

fn left(remaining: u64, explained: u64) -> RequestEvent {
    RequestEvent::NothingLeft { remaining, explained }
}

fn refused() -> RequestEvent {
    RequestEvent::Refused { reason: RefusalReason::NoMatch, ground: "Art. 12(4)".into() }
}

fn because(reason: &str) -> String {
    reason.into()
}

/// A request in that state.
fn in_state(state: RequestState) -> Request {
    use RequestEvent as E;
    use RequestState as S;
    let mut request = Request::received(Uuid::nil(), at(DAY), received()).unwrap();
    let later = Some(at("2026-06-20"));
    let cooling = E::Approved { digest: "a".into(), not_before: later };
    let run = vec![proven(), planned("a"), approved("a")];
    let with = |more: Vec<E>| [run.clone(), more].concat();
    let events = match state {
        S::Received => vec![],
        S::AwaitingIdentity => vec![E::IdentityAsked],
        S::Verified => vec![proven()],
        S::AwaitingScope => vec![proven(), E::ScopeAsked],
        S::AwaitingApproval => vec![proven(), planned("a")],
        S::CoolingOff => vec![proven(), planned("a"), cooling],
        S::Executing => run,
        S::Verifying => with(vec![E::Executed]),
        S::Notifying => with(vec![E::Executed, left(0, 0)]),
        S::Completed => with(vec![E::Executed, left(0, 0), E::Completed]),
        S::PartiallyCompleted => with(vec![E::PartiallyCompleted { reason: because("x") }]),
        S::Failed => with(vec![E::Failed { reason: because("x") }]),
        S::Refused => vec![refused()],
        S::Withdrawn => vec![E::Withdrawn],
        S::Expired => vec![E::IdentityAsked, E::Expired],
        other => panic!("{other:?}"),
    };
    for event in events {
        request.apply(at(DAY), event).unwrap();
    }
    assert_eq!(request.state(), state);
    request
}

/// Every state with every event: the letters are where it leads, a dot that it may not.
#[test]
fn the_whole_table() {
    use RequestEvent as E;
    use RequestState as S;
    let states = [
        ('r', S::Received),
        ('i', S::AwaitingIdentity),
        ('v', S::Verified),
        ('s', S::AwaitingScope),
        ('a', S::AwaitingApproval),
        ('c', S::CoolingOff),
        ('x', S::Executing),
        ('y', S::Verifying),
        ('n', S::Notifying),
        ('p', S::PartiallyCompleted),
        ('f', S::Failed),
        ('D', S::Completed),
        ('R', S::Refused),
        ('W', S::Withdrawn),
        ('E', S::Expired),
    ];
    let alarmed = E::Alarmed { kind: AlarmKind::Overdue };
    let extended = E::Extended { reason: because("many") };
    let partly = E::PartiallyCompleted { reason: because("no answer") };
    let failed = E::Failed { reason: because("no answer") };
    // From:    r i v s a c x y n p f D R W E
    let table = [
        (received(), "..............."),
        (alarmed, "rivsacxynpf...."),
        (extended, "rivsacxynpf...."),
        (E::IdentityAsked, "ii............."),
        (E::IdentityFailed, ".i............."),
        (proven(), "vv............."),
        (E::ScopeAsked, "..s.s.........."),
        (E::ScopeAnswered, "...v..........."),
        (planned("b"), "..a.aa....a...."),
        (E::PlanStale, "......v........"),
        (approved("a"), "....x.........."),
        (E::Begun, "..............."),
        (E::Executed, "......y........"),
        (left(2, 2), ".......n......."),
        (E::Completed, "........D......"),
        (partly, "......ppp......"),
        (failed, "......fff......"),
        (E::Resumed, ".........xx...."),
        (refused(), "RRRRRR........."),
        (E::Withdrawn, "WWWWWW........."),
        (E::Expired, ".E.E..........."),
    ];
    for (event, row) in table {
        for ((_, from), to) in states.iter().zip(row.chars()) {
            let mut request = in_state(*from);
            let before = request.clone();
            let result = request.apply(at(DAY), event.clone());
            let expected = states.iter().find(|(letter, _)| *letter == to);
            match (result, expected) {
                (Ok(()), Some((_, expected))) => {
                    assert_eq!(request.state(), *expected, "{from:?} {event:?}");
                }
                (Err(_), None) => assert_eq!(request, before),
                (result, _) => panic!("{from:?} {event:?}: {result:?}"),
            }
        }
    }
}

fn fails(state: RequestState, event: RequestEvent) -> TransitionError {
    in_state(state).apply(at(DAY), event).unwrap_err()
}

/// What was never begun can still be taken back; what was is not.
#[test]
fn a_stale_plan_is_made_anew() {
    let failed = RequestEvent::Failed { reason: because("no answer") };
    for (before, state) in [
        (vec![], RequestState::Verified),
        (vec![failed, planned("b"), approved("b")], RequestState::Failed),
    ] {
        let mut request = in_state(RequestState::Executing);
        for event in before.into_iter().chain([RequestEvent::PlanStale]) {
            request.apply(at(DAY), event).unwrap();
        }
        assert_eq!(request.state(), state);
        let withdrawn = request.apply(at(DAY), RequestEvent::Withdrawn);
        assert_eq!(withdrawn.is_ok(), state == RequestState::Verified);
    }
}

#[test]
fn approval_is_of_the_last_plan_and_of_a_verified_request() {
    let stale = fails(RequestState::AwaitingApproval, approved("b"));
    assert_eq!(stale, TransitionError::StalePlan);
    let mut request = in_state(RequestState::AwaitingApproval);
    request.apply(at(DAY), planned("b")).unwrap();
    assert_eq!(request.apply(at(DAY), approved("a")), Err(TransitionError::StalePlan));
    request.apply(at(DAY), approved("b")).unwrap();
    let error = fails(RequestState::AwaitingIdentity, planned("a"));
    assert_eq!(error.to_string(), "a request that is awaiting_identity cannot be planned");
}

#[test]
fn completed_is_when_everything_is_explained() {
    let error = fails(RequestState::Verifying, left(3, 2));
    assert_eq!(error, TransitionError::Unexplained { remaining: 3, explained: 2 });
    assert_eq!(error.to_string(), "3 records are left, 2 of them are explained");
    let error = fails(RequestState::Verifying, RequestEvent::Completed);
    assert!(matches!(error, TransitionError::NotNow { .. }));
}

#[test]
fn what_cools_off_is_not_begun_before() {
    let mut request = in_state(RequestState::CoolingOff);
    assert!(request.apply(at("2026-06-19"), RequestEvent::Begun).is_err());
    request.apply(at("2026-06-20"), RequestEvent::Begun).unwrap();
    assert_eq!(request.state(), RequestState::Executing);
}

#[test]
fn reasons_are_given() {
    let silent = RequestEvent::Extended { reason: because(" ") };
    assert_eq!(fails(RequestState::Verified, silent), TransitionError::ReasonMissing);
    let silent = RequestEvent::Refused { reason: RefusalReason::Exempt, ground: String::new() };
    assert_eq!(fails(RequestState::Verified, silent), TransitionError::ReasonMissing);
}

#[test]
fn events_come_in_order_and_begin_with_the_receipt() {
    let mut request = in_state(RequestState::Received);
    let early = request.apply(at("2026-06-10"), proven());
    assert_eq!(early, Err(TransitionError::OutOfOrder));
    let error = Request::from_events(Uuid::nil(), [(at(DAY), proven())]).unwrap_err();
    assert_eq!(error, TransitionError::NotReceived);
    assert_eq!(Request::from_events(Uuid::nil(), []), Err(TransitionError::NotReceived));
    let whole = in_state(RequestState::Completed);
    let again = Request::from_events(Uuid::nil(), whole.events().to_vec()).unwrap();
    assert_eq!(again, whole);
}

#[test]
fn the_clock_stands_still_while_it_is_unknown_who_asks() {
    let regime = Regime::gdpr();
    let rule = regime.rule(&Duty::ANSWER).unwrap();
    let place = Place::new(chrono_tz::Europe::Brussels);
    let last_day = |request: &Request| {
        let due = request.due(rule, &place).unwrap();
        due.deadline().map(|deadline| deadline.last_day.to_string())
    };
    let mut request = in_state(RequestState::Received);
    assert_eq!(last_day(&request).unwrap(), "2026-07-13");
    request.apply(at("2026-06-12"), RequestEvent::IdentityAsked).unwrap();
    assert_eq!(last_day(&request), None);
    // Another code is no other question.
    request.apply(at("2026-06-15"), RequestEvent::IdentityAsked).unwrap();
    request.apply(at("2026-06-22"), proven()).unwrap();
    assert_eq!(last_day(&request).unwrap(), "2026-07-21");
    request.apply(at("2026-06-23"), RequestEvent::ScopeAsked).unwrap();
    assert_eq!(last_day(&request), None);
    request.apply(at("2026-06-24"), RequestEvent::ScopeAnswered).unwrap();
    assert_eq!(last_day(&request).unwrap(), "2026-07-22");
    request.apply(at("2026-06-25"), RequestEvent::Extended { reason: because("x") }).unwrap();
    assert_eq!(last_day(&request).unwrap(), "2026-09-22");
}
