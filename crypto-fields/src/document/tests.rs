use serde_json::json;

use super::*;
use crate::associated_data::names::{FieldId, KeyGroup, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::keyset::KeySource;
use crate::keyset::ready::{KeyOrigin, ReadyKey};
use crate::purpose::Purpose;
use std::sync::Arc;

/// One key for everything.
#[derive(Debug)]
struct One(Arc<ReadyKey>);

impl One {
    fn new() -> Self {
        let origin = KeyOrigin::Group(TenantId::SINGLE);
        Self(Arc::new(ReadyKey::new(DataKey::generate(Purpose::Seal).unwrap(), origin)))
    }
}

impl KeySource for One {
    fn sealing(&self, _: &TenantId, _: Purpose, _: &KeyGroup) -> Result<Arc<ReadyKey>, SealError> {
        Ok(Arc::clone(&self.0))
    }
    fn opening(&self, _: &TenantId, _: Purpose, _: KeyId) -> Result<Arc<ReadyKey>, OpenError> {
        Ok(Arc::clone(&self.0))
    }
}

fn row(keys: &One, key: i64) -> RowContext<'_> {
    RowContext::new(keys, TenantId::SINGLE, RowKey::int(key).unwrap())
}

fn cipher() -> DocumentCipher {
    let patterns = ["name", "entries[*].text", "secret", "gone.deep"];
    let field = FieldCipher::new(FieldId::new("visits.notes").unwrap());
    DocumentCipher::new(field, patterns.map(|pattern| pattern.parse().unwrap()))
}

fn document() -> Value {
    json!({
        "name": null,
        "entries": [{"text": "a", "day": 1}, {"text": "a", "day": 2}, {"day": 3}],
        "secret": {"number": 1.5, "list": [true]},
        "open": "cf1.not touched",
    })
}

#[test]
fn what_matches_is_sealed_and_opens_as_it_was() {
    let keys = One::new();
    let mut sealed = document();
    cipher().seal(&row(&keys, 1), &mut sealed).unwrap();
    for pointer in ["/name", "/entries/0/text", "/entries/1/text", "/secret"] {
        assert!(sealed.pointer(pointer).unwrap().as_str().unwrap().starts_with("cf1."));
    }
    assert_eq!(sealed["entries"][2], json!({"day": 3}));
    assert_eq!(sealed["open"], "cf1.not touched");
    assert_ne!(sealed["entries"][0]["text"], sealed["entries"][1]["text"]);
    let mut opened = sealed.clone();
    cipher().open(&row(&keys, 1), &mut opened).unwrap();
    assert_eq!(opened, document());
    let before = sealed.clone();
    let twice = cipher().seal(&row(&keys, 1), &mut sealed).unwrap_err();
    assert!(matches!(twice, DocumentError::AlreadySealed(_)));
    assert_eq!(sealed, before);
}

#[test]
fn a_leaf_that_changed_its_place_does_not_open_and_nothing_is_changed() {
    let keys = One::new();
    let mut sealed = document();
    cipher().seal(&row(&keys, 1), &mut sealed).unwrap();
    let mut exchanged = sealed.clone();
    exchanged["entries"].as_array_mut().unwrap().swap(0, 1);
    let mut moved = sealed.clone();
    moved["name"] = sealed["secret"].clone();
    for mut changed in [exchanged, moved] {
        let before = changed.clone();
        let refused = cipher().open(&row(&keys, 1), &mut changed).unwrap_err();
        assert!(matches!(refused, DocumentError::Open { error: OpenError::Authentication, .. }));
        assert_eq!(changed, before);
    }
    assert!(cipher().open(&row(&keys, 2), &mut sealed).is_err());
}

#[test]
fn plaintext_at_a_path_is_refused_unless_it_is_on_its_way() {
    let keys = One::new();
    let mut plain = document();
    let refused = cipher().open(&row(&keys, 1), &mut plain).unwrap_err();
    assert_eq!(refused.to_string(), "what stands at $.entries[0].text does not open");
    let mut both = cipher();
    both.field = both.field.mode(FieldMode::ReadBoth);
    both.open(&row(&keys, 1), &mut plain).unwrap();
    assert_eq!(plain, document());
}
