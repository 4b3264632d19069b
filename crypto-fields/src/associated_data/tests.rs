use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

/// The parts of a place, drawn from few letters so that collisions of a careless encoding show.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    tenant: TenantId,
    field: FieldId,
    row: RowKey,
    subject: Option<SubjectId>,
    path: Option<JsonPath>,
    extra: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Place {
    fn associated_data(&self) -> AssociatedData<'_> {
        let mut place = AssociatedData::new(&self.tenant, &self.field, &self.row);
        if let Some(subject) = &self.subject {
            place = place.subject(subject);
        }
        if let Some(path) = &self.path {
            place = place.path(path);
        }
        for (name, value) in &self.extra {
            place = place.with(name, value).unwrap();
        }
        place
    }
}

fn simple_row() -> impl Strategy<Value = RowKey> {
    prop_oneof![
        (1_i64..4).prop_map(|key| RowKey::int(key).unwrap()),
        "[ab\u{1}\u{3}]{1,9}".prop_map(|key| RowKey::text(&key).unwrap()),
        vec(0_u8..6, 1..10).prop_map(|key| RowKey::bytes(&key).unwrap()),
        (1_u128..3).prop_map(|key| RowKey::uuid(uuid::Uuid::from_u128(key)).unwrap()),
    ]
}

fn row() -> impl Strategy<Value = RowKey> {
    prop_oneof![
        simple_row(),
        vec(simple_row(), 1..4).prop_map(|parts| RowKey::composite(parts).unwrap()),
    ]
}

fn path() -> impl Strategy<Value = JsonPath> {
    vec(prop_oneof!["[ab0$#]{0,3}".prop_map(Ok), (0_u64..3).prop_map(Err)], 0..4).prop_map(
        |steps| {
            steps.into_iter().fold(JsonPath::root(), |path, step| match step {
                Ok(name) => path.name(&name).unwrap(),
                Err(index) => path.index(index).unwrap(),
            })
        },
    )
}

fn place() -> impl Strategy<Value = Place> {
    (
        "[ab-]{0,3}",
        "[ab.-]{1,3}",
        row(),
        proptest::option::of("[ab]{1,3}"),
        proptest::option::of(path()),
        btree_map(vec(0_u8..7, 0..3), vec(0_u8..7, 0..3), 0..3),
    )
        .prop_map(|(tenant, field, row, subject, path, extra)| Place {
            tenant: TenantId::new(tenant).unwrap_or(TenantId::SINGLE),
            field: FieldId::new(field).unwrap(),
            row,
            subject: subject.map(|id| SubjectId::new(id).unwrap()),
            path,
            extra: extra.into_iter().collect(),
        })
}

/// Reads canonical bytes back, written from the documentation of the format alone. That there is
/// such a function is what makes the encoding injective.
fn decode(bytes: &[u8]) -> Option<Place> {
    struct Reader<'a>(&'a [u8]);
    impl<'a> Reader<'a> {
        fn take(&mut self, len: usize) -> Option<&'a [u8]> {
            let (head, rest) = self.0.split_at_checked(len)?;
            self.0 = rest;
            Some(head)
        }
        fn u32(&mut self) -> Option<usize> {
            Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?) as usize)
        }
        fn sized(&mut self) -> Option<&'a [u8]> {
            let len = self.u32()?;
            self.take(len)
        }
        fn tag(&mut self, tag: u8) -> Option<()> {
            (self.0.first() == Some(&tag)).then(|| self.0 = &self.0[1..])
        }
    }
    fn text(bytes: &[u8]) -> Option<String> {
        String::from_utf8(bytes.to_vec()).ok()
    }
    fn row(kind: u8, bytes: &[u8]) -> Option<RowKey> {
        match kind {
            1 => RowKey::int(i64::from_be_bytes(bytes.try_into().ok()?)).ok(),
            2 => RowKey::uuid(uuid::Uuid::from_slice(bytes).ok()?).ok(),
            3 => RowKey::text(&text(bytes)?).ok(),
            4 => RowKey::bytes(bytes).ok(),
            5 => {
                let mut reader = Reader(bytes);
                let mut parts = Vec::new();
                while !reader.0.is_empty() {
                    let kind = reader.take(1)?[0];
                    parts.push(row(kind, reader.sized()?)?);
                }
                RowKey::composite(parts).ok()
            }
            _ => None,
        }
    }
    let mut reader = Reader(bytes.strip_prefix(b"crypto-fields/aad/v1\0")?);
    reader.tag(1)?;
    let tenant = text(reader.sized()?)?;
    reader.tag(2)?;
    let field = FieldId::new(text(reader.sized()?)?).ok()?;
    reader.tag(3)?;
    let (kind, content) = reader.sized()?.split_first()?;
    let row = row(*kind, content)?;
    let mut subject = None;
    if reader.tag(4).is_some() {
        subject = Some(SubjectId::new(text(reader.sized()?)?).ok()?);
    }
    let mut path = None;
    if reader.tag(5).is_some() {
        let mut inner = Reader(reader.sized()?);
        let mut steps = JsonPath::root();
        for _ in 0..inner.u32()? {
            steps = if inner.tag(b'$').is_some() {
                steps.name(&text(inner.sized()?)?).ok()?
            } else {
                inner.tag(b'#')?;
                steps.index(u64::from_be_bytes(inner.take(8)?.try_into().ok()?)).ok()?
            };
        }
        inner.0.is_empty().then_some(())?;
        path = Some(steps);
    }
    let mut extra = Vec::new();
    if reader.tag(6).is_some() {
        let count = u16::from_be_bytes(reader.take(2)?.try_into().ok()?);
        for _ in 0..count {
            extra.push((reader.sized()?.to_vec(), reader.sized()?.to_vec()));
        }
    }
    reader.0.is_empty().then_some(())?;
    let tenant = TenantId::new(tenant).unwrap_or(TenantId::SINGLE);
    Some(Place { tenant, field, row, subject, path, extra })
}

proptest! {
    #[test]
    fn a_place_is_read_back_from_its_bytes(place in place()) {
        let bytes = place.associated_data().to_bytes();
        prop_assert_eq!(decode(&bytes).unwrap(), place.clone());
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        prop_assert_eq!(place.associated_data().digest().0, digest);
    }

    #[test]
    fn two_places_have_the_same_bytes_only_if_equal(one in place(), other in place()) {
        let (a, b) = (one.associated_data(), other.associated_data());
        prop_assert_eq!(a.to_bytes() == b.to_bytes(), one == other);
        prop_assert_eq!(a == b, one == other);
    }
}

#[test]
fn what_runs_together_in_a_careless_encoding_does_not_here() {
    let row = RowKey::int(1).unwrap();
    let bytes = |tenant: &str, field: &str| {
        let tenant = TenantId::new(tenant.to_owned()).unwrap_or(TenantId::SINGLE);
        let field = FieldId::new(field.to_owned()).unwrap();
        AssociatedData::new(&tenant, &field, &row).to_bytes()
    };
    assert_ne!(bytes("a-b", "c"), bytes("a", "b-c"));
    assert_ne!(bytes("", "ab"), bytes("a", "b"));
    assert_eq!(
        bytes("t", "f.g"),
        b"crypto-fields/aad/v1\0\x01\0\0\0\x01t\x02\0\0\0\x03f.g\x03\0\0\0\x09\x01\0\0\0\0\0\0\0\x01"
    );
}

#[test]
fn context_of_the_host_is_sorted_unique_and_bounded() {
    let (tenant, field) = (TenantId::SINGLE, FieldId::new("f").unwrap());
    let row = RowKey::int(1).unwrap();
    let place = || AssociatedData::new(&tenant, &field, &row);
    let one = place().with("b", "1").unwrap().with("a", "2").unwrap();
    let other = place().with("a", "2").unwrap().with("b", "1").unwrap();
    assert_eq!(one.to_bytes(), other.to_bytes());
    assert_eq!(one.with("a", "2"), Err(ContextError::Duplicate));
    let long = "x".repeat(MAX_EXTRA_LEN + 1);
    assert_eq!(place().with("a", &long), Err(ContextError::TooLong));
    assert_eq!(place().with(&long, "a"), Err(ContextError::TooLong));
    let names: Vec<String> = (0..MAX_EXTRA).map(|n| n.to_string()).collect();
    let full = names.iter().try_fold(place(), |place, name| place.with(name, "")).unwrap();
    assert_eq!(full.with("more", ""), Err(ContextError::TooMany));
}

#[test]
fn debug_shows_no_row_and_no_context() {
    let (tenant, field) = (TenantId::SINGLE, FieldId::new("users.email").unwrap());
    let row = RowKey::text("alice").unwrap();
    let place = AssociatedData::new(&tenant, &field, &row).with("mail", "alice").unwrap();
    assert!(!format!("{place:?} {row:?}").contains("alice"));
}
