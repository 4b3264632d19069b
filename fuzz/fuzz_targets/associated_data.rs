//! Two places have the same canonical bytes only if they are the same place.
#![no_main]

use crypto_fields::{AssociatedData, FieldId, JsonPath, RowKey, SubjectId, TenantId};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq, arbitrary::Arbitrary)]
struct Place {
    tenant: String,
    field: String,
    row: Vec<Part>,
    subject: Option<String>,
    path: Option<Vec<Result<String, u64>>>,
    extra: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Debug, PartialEq, arbitrary::Arbitrary)]
enum Part {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Place {
    /// The canonical bytes; `None` if any part is refused.
    fn bytes(&self) -> Option<Vec<u8>> {
        let tenant = TenantId::new(self.tenant.clone()).ok()?;
        let field = FieldId::new(self.field.clone()).ok()?;
        let parts = self.row.iter().map(|part| match part {
            Part::Int(key) => RowKey::int(*key),
            Part::Text(key) => RowKey::text(key),
            Part::Bytes(key) => RowKey::bytes(key),
        });
        let row = RowKey::composite(parts.collect::<Result<Vec<_>, _>>().ok()?).ok()?;
        let subject = self.subject.clone().map(SubjectId::new).transpose().ok()?;
        let path = self.path.as_ref().map(|steps| {
            steps.iter().try_fold(JsonPath::root(), |path, step| match step {
                Ok(name) => path.name(name),
                Err(index) => path.index(*index),
            })
        });
        let path = path.transpose().ok()?;
        let mut place = AssociatedData::new(&tenant, &field, &row);
        if let Some(subject) = &subject {
            place = place.subject(subject);
        }
        if let Some(path) = &path {
            place = place.path(path);
        }
        for (name, value) in &self.extra {
            place = place.with(name, value).ok()?;
        }
        Some(place.to_bytes())
    }

    /// The order of the host's context does not matter.
    fn sorted(mut self) -> Self {
        self.extra.sort();
        self
    }
}

fuzz_target!(|places: (Place, Place)| {
    if let (Some(one), Some(other)) = (places.0.bytes(), places.1.bytes()) {
        assert_eq!(one == other, places.0.sorted() == places.1.sorted());
    }
});
