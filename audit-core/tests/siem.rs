//! Entries in the forms of security tools: their required members and their values.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use audit_core::siem::{Producer, cloud_event, ecs, ocsf};
use audit_core::{
    Actor, ActorKind, ChainId, Change, Context, Entry, Event, EventBuilder, JournalName, LeafHash,
    Outcome, SubjectRef, Target, Timestamp, action, entry,
};
use serde_json::{Value, json};

const AT: &str = "2026-11-20T23:23:00.123456Z";
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn producer() -> Producer {
    let journal = JournalName::new("audit.example.com").unwrap();
    Producer::new(journal, "Example", "Ledger").version("2.1.0")
}

fn sealed(event: EventBuilder) -> String {
    let event = event.id(ID.parse().unwrap()).build().unwrap();
    let event = event.canonicalize(|_| Some(SubjectRef::from_bytes([1; 16]))).unwrap();
    let chain = ChainId::new("acme", "default").unwrap();
    let at: Timestamp = AT.parse().unwrap();
    let mut out = String::new();
    entry::seal(&mut out, 41, &chain, at, Some(17), &LeafHash::ZERO, event.as_str()).unwrap();
    out
}

fn changed() -> EventBuilder {
    Event::builder(action::USER_ROLE_CHANGED, Actor::user("usr_1"))
        .target(Target::new("user", "usr_2"))
        .change(Change::updated("role", "viewer", "admin"))
        .context(Context::new().request_id("req_9").session_id("ses_1").trace_id("4bf9"))
        .occurred_at("1969-12-31T23:59:59.999999Z".parse().unwrap())
        .on_behalf_of(Actor::service("svc_1"))
        .outcome(Outcome::Success)
        .meta("plan", "pro")
        .private("usr_1", "/context/ip", "192.0.2.7")
}

#[test]
fn ocsf_of_an_account_change() {
    let text = sealed(changed());
    let out = ocsf(&Entry::parse(&text).unwrap(), &producer());
    assert_eq!(
        out,
        json!({
            "category_uid": 3, "category_name": "Identity & Access Management",
            "class_uid": 3001, "class_name": "Account Change",
            "activity_id": 99, "activity_name": "user.role_changed",
            "type_uid": 300_199,
            "time": -1,
            "severity_id": 1, "severity": "Informational",
            "status_id": 1, "status": "Success", "status_detail": "success",
            "message": "user.role_changed",
            "metadata": {
                "version": "1.1.0",
                "product": {"name": "Ledger", "vendor_name": "Example", "version": "2.1.0"},
                "uid": ID, "sequence": 41,
                "log_name": "acme/default", "log_provider": "audit.example.com",
                "logged_time": 1_795_216_980_123_i64,
                "original_time": "1969-12-31T23:59:59.999999Z",
                "correlation_uid": "4bf9",
            },
            "actor": {"user": {"uid": "usr_1", "type_id": 1, "type": "User"}},
            "user": {"uid": "usr_2", "type_id": 1, "type": "User"},
            "unmapped": {
                "targets": [{"id": "usr_2", "type": "user"}],
                "changes": [{"field": "role", "old": "viewer", "new": "admin"}],
                "meta": {"plan": "pro"},
                "on_behalf_of": {"id": "svc_1", "type": "service"},
                "session_id": "ses_1",
            },
        })
    );
}

/// What the schema requires of every class, and of each of the three that are written.
#[test]
fn ocsf_has_its_required_attributes_whatever_the_action() {
    let cases = [
        (action::USER_LOGIN, 3002, 1),
        (action::USER_LOGOUT, 3002, 2),
        (action::USER_INVITED, 3001, 1),
        (action::USER_ROLE_CHANGED, 3001, 99),
        ("user.deleted", 3001, 6),
        ("user.password_changed", 3001, 3),
        (action::RECORD_CREATED, 6003, 1),
        (action::RECORD_UPDATED, 6003, 3),
        (action::RECORD_DELETED, 6003, 4),
        (action::SETTINGS_CHANGED, 6003, 3),
        (action::EXPORT_REQUESTED, 6003, 2),
        (action::ACCESS_BREAK_GLASS, 6003, 99),
        ("invoice.approved", 6003, 99),
    ];
    for (action, class, activity) in cases {
        for kind in [ActorKind::User, ActorKind::Service, ActorKind::System, ActorKind::Anonymous] {
            let text = sealed(Event::builder(action, Actor::new(kind, "x")));
            let out = ocsf(&Entry::parse(&text).unwrap(), &producer());
            assert_eq!(out["class_uid"], class, "{action}");
            assert_eq!(out["activity_id"], activity, "{action}");
            assert_eq!(out["type_uid"], class * 100 + activity);
            assert_eq!(out["category_uid"], class / 1_000);
            assert_eq!(out["time"], 1_795_216_980_123_i64);
            assert!(out["severity_id"].is_u64() && out["status_id"] == 0);
            for pointer in
                ["/metadata/version", "/metadata/product/name", "/metadata/product/vendor_name"]
            {
                assert!(out.pointer(pointer).is_some_and(Value::is_string), "{action} {pointer}");
            }
            let required: &[&str] = match class {
                3001 => &["/user/uid"],
                // At least one of service and dst_endpoint.
                3002 => &["/user/uid", "/service/name"],
                _ => &["/actor/user/uid", "/api/operation", "/src_endpoint/name"],
            };
            for pointer in required {
                assert!(out.pointer(pointer).is_some_and(Value::is_string), "{action} {pointer}");
            }
        }
    }
}

#[test]
fn ocsf_severity_follows_the_outcome() {
    let severity = |event: EventBuilder| {
        let text = sealed(event);
        let out = ocsf(&Entry::parse(&text).unwrap(), &producer());
        (out["severity_id"].as_u64().unwrap(), out["status_id"].as_u64().unwrap())
    };
    let login = || Event::builder(action::USER_LOGIN, Actor::user("u"));
    assert_eq!(severity(login().outcome(Outcome::Success)), (1, 1));
    assert_eq!(severity(login().outcome(Outcome::Failure)), (2, 2));
    assert_eq!(severity(login().outcome(Outcome::Denied)), (3, 2));
    let glass = Event::break_glass(Actor::user("u"), "T-1", "incident", Timestamp::MAX);
    assert_eq!(severity(glass.outcome(Outcome::Success)), (4, 1));
}

#[test]
fn cloud_events_has_its_required_attributes() {
    let text = sealed(changed());
    let entry = Entry::parse(&text).unwrap();
    let mut out = cloud_event(&entry, &producer());
    let data = out.as_object_mut().unwrap().remove("data").unwrap();
    assert_eq!(
        out,
        json!({
            "specversion": "1.0",
            "id": ID,
            "source": "//audit.example.com/acme/default",
            "type": "user.role_changed",
            "subject": "user/usr_2",
            "time": "1969-12-31T23:59:59.999999Z",
            "datacontenttype": "application/json",
            "sequence": "0000000000000041",
            "authtype": "app_user",
            "authid": "usr_1",
        })
    );
    // Attribute names are lower-case letters and digits, at most twenty.
    assert!(out.as_object().unwrap().keys().all(|name| {
        name.len() <= 20 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }));
    let event = entry.event();
    assert_eq!(data["id"], event.id().to_string());
    assert_eq!(data["meta"], json!({"plan": "pro"}));
    assert!(data["private"].is_object());
}

#[test]
fn ecs_has_its_fields() {
    let text = sealed(changed());
    let out = ecs(&Entry::parse(&text).unwrap(), &producer());
    assert_eq!(
        out,
        json!({
            "@timestamp": "1969-12-31T23:59:59.999999Z",
            "ecs": {"version": "8.11.0"},
            "event": {
                "kind": "event", "category": ["iam"], "type": ["user", "change"],
                "action": "user.role_changed", "outcome": "success", "id": ID, "sequence": 41,
                "created": AT, "provider": "Ledger", "dataset": "audit.entry",
            },
            "message": "user.role_changed",
            "observer": {
                "vendor": "Example", "product": "Ledger", "version": "2.1.0",
                "name": "audit.example.com",
            },
            "organization": {"id": "acme"},
            "trace": {"id": "4bf9"},
            "http": {"request": {"id": "req_9"}},
            "user": {"id": "usr_1", "effective": {"id": "svc_1"}, "target": {"id": "usr_2"}},
            "related": {"user": ["svc_1", "usr_1", "usr_2"]},
            "audit": {
                "chain": "acme/default", "seq": 41,
                "actor": {"id": "usr_1", "type": "user"},
                "on_behalf_of": {"id": "svc_1", "type": "service"},
                "session_id": "ses_1",
                "targets": [{"id": "usr_2", "type": "user"}],
                "changes": [{"field": "role", "old": "viewer", "new": "admin"}],
                "meta": {"plan": "pro"},
            },
        })
    );
}

/// Only values that the schema allows, for any action.
#[test]
fn ecs_uses_the_allowed_values() {
    let categories = ["authentication", "iam", "configuration"];
    let types =
        ["access", "change", "creation", "deletion", "denied", "end", "info", "start", "user"];
    for action in [
        action::USER_LOGIN,
        action::USER_LOGOUT,
        action::USER_INVITED,
        action::RECORD_DELETED,
        action::SETTINGS_CHANGED,
        action::EXPORT_REQUESTED,
        "invoice.approved",
    ] {
        let event = Event::builder(action, Actor::anonymous("s")).outcome(Outcome::Denied);
        let text = sealed(event);
        let out = ecs(&Entry::parse(&text).unwrap(), &producer());
        let of = |value: &Value, allowed: &[&str]| {
            value.as_array().unwrap().iter().all(|value| allowed.contains(&value.as_str().unwrap()))
        };
        assert!(of(&out["event"]["type"], &types), "{action}");
        if let Some(category) = out["event"].get("category") {
            assert!(of(category, &categories), "{action}");
        }
        assert_eq!(out["event"]["outcome"], "failure");
        assert!(out.get("user").is_none());
    }
}
