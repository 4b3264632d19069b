//! Records written for these tests; shaped like AWS's, about nobody.

use audit_core::{EventView, OpenDisclosure, SubjectRef};
use serde_json::json;

use super::*;

fn record() -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAEXAMPLE",
            "userName": "alice",
        },
        "eventTime": "2023-07-10T11:42:18Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetBucketPolicy",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "Boto3/1.26",
        "requestParameters": { "bucketName": "b", "userName": "alice", "size": 3 },
        "responseElements": null,
        "requestID": "R1",
        "eventID": "875240ac-e821-4fc6-a311-8c352a1d20f5",
        "resources": [
            { "accountId": "1", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b" },
            { "ARN": "arn:aws:s3:::b/key" },
        ],
    })
}

/// The event's canonical JSON, and its private fields by place.
fn canonical(record: Value) -> (Value, Vec<(String, Value)>) {
    let canonical = event(record)
        .unwrap()
        .canonicalize(|_| Some("0".repeat(32).parse::<SubjectRef>().unwrap()))
        .unwrap();
    EventView::parse(canonical.as_str()).unwrap();
    let mut private: Vec<_> = canonical
        .disclosures()
        .iter()
        .map(|disclosure| {
            let open = OpenDisclosure::parse(disclosure.text()).unwrap();
            (open.name().to_owned(), open.value())
        })
        .collect();
    private.sort_by(|a, b| a.0.cmp(&b.0));
    (serde_json::from_str(canonical.as_str()).unwrap(), private)
}

#[test]
fn a_record_becomes_an_event() {
    let (event, private) = canonical(record());
    assert_eq!(event["action"], "aws.s3.get_bucket_policy");
    assert_eq!(event["actor"], json!({ "id": "AIDAEXAMPLE", "type": "user" }));
    assert_eq!(event["occurred_at"], "2023-07-10T11:42:18.000000Z");
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["context"]["request_id"], "R1");
    assert_eq!(
        event["targets"],
        json!([
            { "id": "arn:aws:s3:::b", "type": "AWS::S3::Bucket" },
            { "id": "arn:aws:s3:::b/key", "type": "AWS::s3" },
        ])
    );
    assert_eq!(
        private,
        [
            ("/actor/name".to_owned(), json!("alice")),
            ("/context/ip".to_owned(), json!("192.0.2.7")),
            ("/context/user_agent".to_owned(), json!("Boto3/1.26")),
            ("/meta/record/requestParameters/userName".to_owned(), json!("alice")),
            (
                "/meta/record/userIdentity/arn".to_owned(),
                json!("arn:aws:iam::111122223333:user/alice")
            ),
        ]
    );
}

#[test]
fn the_record_is_whole_but_for_what_is_private() {
    let (event, private) = canonical(record());
    let mut whole = json!({ "meta": event["meta"], "context": {}, "actor": {} });
    for (place, value) in private {
        let (parent, name) = place.rsplit_once('/').unwrap();
        whole.pointer_mut(parent).unwrap()[name] = value;
    }
    let mut back = whole["meta"]["record"].clone();
    back["sourceIPAddress"] = whole["context"]["ip"].clone();
    back["userAgent"] = whole["context"]["user_agent"].clone();
    back["userIdentity"]["userName"] = whole["actor"]["name"].clone();
    assert_eq!(back, record());
}

#[test]
fn nothing_in_the_clear_names_the_person_or_the_address() {
    let mut record = record();
    record["resources"] =
        json!([{ "ARN": "arn:aws:iam::1:user/alice" }, { "ARN": "arn:aws:s3:::alicebucket" }]);
    record["requestParameters"] = json!({ "tags": ["x", "owner=alice"], "alice": { "a": 1 } });
    record["additionalEventData"] = json!({ "via": "192.0.2.7:443", "other": "192.0.2.70" });
    let (event, private) = canonical(record);
    let text = event.to_string();
    assert!(!mentions(&text, "alice"), "{text}");
    assert!(!mentions(&text, "192.0.2.7"), "{text}");
    assert!(text.contains("192.0.2.70"));
    let places: Vec<_> = private.iter().map(|(place, _)| place.as_str()).collect();
    assert!(places.contains(&"/meta/record/additionalEventData/via"), "{places:?}");
    assert!(places.contains(&"/meta/record/requestParameters"), "{places:?}");
    assert!(places.contains(&"/meta/record/resources"), "{places:?}");
    assert_eq!(event["targets"], json!([{ "id": "arn:aws:s3:::alicebucket", "type": "AWS::s3" }]));
}

#[test]
fn who_assumed_a_role_is_private_and_a_subject_of_its_own() {
    let mut record = record();
    record["userIdentity"] = json!({
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:alice@example.com",
        "arn": "arn:aws:sts::1:assumed-role/admin/alice@example.com",
    });
    let subjects: Vec<String> = {
        let event = event(record.clone()).unwrap();
        event.subjects().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(subjects, ["AROAEXAMPLE:alice@example.com"]);
    let (event, _) = canonical(record);
    assert_eq!(event["actor"]["id"], "AROAEXAMPLE");
    assert!(!event.to_string().contains("alice@"), "{event}");
}

#[test]
fn actors() {
    for (identity, actor) in [
        (
            json!({ "type": "AWSService", "invokedBy": "rds.amazonaws.com" }),
            ("rds.amazonaws.com", "service"),
        ),
        (
            json!({ "accountId": "1", "invokedBy": "ec2.amazonaws.com" }),
            ("ec2.amazonaws.com", "service"),
        ),
        (json!({ "type": "Root", "principalId": "1", "accountId": "1" }), ("1", "user")),
        (json!({ "type": "AWSAccount", "accountId": "2", "principalId": "" }), ("2", "user")),
        (
            json!({ "type": "SAMLUser", "principalId": "alice", "userName": "alice", "accountId": "2" }),
            ("2", "user"),
        ),
        (json!({}), ("unknown", "anonymous")),
        (Value::Null, ("unknown", "anonymous")),
    ] {
        let mut record = record();
        record["userIdentity"] = identity;
        record["requestParameters"] = Value::Null;
        let (event, _) = canonical(record);
        assert_eq!(event["actor"], json!({ "id": actor.0, "type": actor.1 }));
    }
}

#[test]
fn actions() {
    for (source, name, expected) in [
        ("s3.amazonaws.com", "GetBucketPolicy", "aws.s3.get_bucket_policy"),
        ("rds.amazonaws.com", "DescribeDBInstances", "aws.rds.describe_db_instances"),
        ("lambda.amazonaws.com", "GetFunction20150331v2", "aws.lambda.get_function20150331v2"),
        (
            "access-analyzer.amazonaws.com",
            "ListHostedZonesByVPC",
            "aws.access_analyzer.list_hosted_zones_by_vpc",
        ),
        ("ec2.amazonaws.com", "CreateVPC", "aws.ec2.create_vpc"),
        ("sub.service.example", "x y/Z", "aws.sub_service_example.x_y_z"),
    ] {
        assert_eq!(action(source, name), expected);
    }
}

#[test]
fn outcomes() {
    for (code, message, expected) in [
        (None, None, Outcome::Success),
        (Some("AccessDenied"), Some("no"), Outcome::Denied),
        (Some("Client.UnauthorizedOperation"), None, Outcome::Denied),
        (Some("ThrottlingException"), None, Outcome::Failure),
        (None, Some("Failed authentication"), Outcome::Failure),
        (Some(""), None, Outcome::Success),
    ] {
        let mut record = Map::new();
        record.extend(code.map(|code| ("errorCode".to_owned(), code.into())));
        record.extend(message.map(|message| ("errorMessage".to_owned(), message.into())));
        assert_eq!(outcome(&record), expected, "{code:?}");
    }
}

#[test]
fn the_id_is_of_the_time_and_the_source_alone() {
    let at = event_time("2023-07-10T11:42:18Z").unwrap();
    let id = event_id(at, "875240ac-e821-4fc6-a311-8c352a1d20f5").unwrap();
    // sha256("cloudtrail\0875240ac-…"), computed elsewhere.
    assert_eq!(id.to_string(), EXPECTED_ID);
    assert_eq!(id.get_version_num(), 7);
    assert_ne!(id, event_id(at, "another").unwrap());
}

const EXPECTED_ID: &str = "01893f9c-0990-79e6-979b-3aa8f7904052";

#[test]
fn what_cannot_be_taken_says_why() {
    for (change, reason) in [
        (json!({ "eventID": null }), "/eventID is not a text"),
        (
            json!({ "eventTime": "yesterday" }),
            "/eventTime is not a time such as 2023-07-10T11:42:18Z",
        ),
        (json!({ "eventTime": "1923-07-10T11:42:18Z" }), "/eventTime lies before 1970"),
        (json!({ "eventName": "" }), "/eventName is not a text"),
    ] {
        let mut record = record();
        for (name, value) in change.as_object().unwrap() {
            record[name] = value.clone();
        }
        assert_eq!(event(record).unwrap_err().to_string(), reason);
    }
    assert!(event(json!([])).unwrap_err().to_string().contains("object"));
    let mut large = record();
    large["requestParameters"] = json!({ "note": "x".repeat(70_000) });
    assert!(event(large).unwrap_err().to_string().contains("65000"));
    let mut inexact = record();
    inexact["requestParameters"] = json!({ "n": 9_007_199_254_740_993_u64 });
    let reason = event(inexact).unwrap_err().to_string();
    assert!(reason.contains("/meta/record/requestParameters/n"), "{reason}");
}

#[test]
fn more_resources_than_targets_are_kept_in_the_record() {
    let mut record = record();
    let resources: Vec<_> =
        (0..100).map(|n| json!({ "ARN": format!("arn:aws:s3:::b{n}") })).collect();
    record["resources"] = json!(resources);
    let (event, _) = canonical(record);
    assert_eq!(event["targets"].as_array().unwrap().len(), MAX_TARGETS);
    assert_eq!(event["meta"]["record"]["resources"].as_array().unwrap().len(), 100);
}
