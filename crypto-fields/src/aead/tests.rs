use proptest::prelude::*;

use super::deterministic::DeterministicKey;
use super::*;
use crate::associated_data::names::{FieldId, SubjectId, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::ciphertext::CiphertextError;
use crate::secret::SecretKey;

fn data_key(id: u64, secret: u8, purpose: Purpose) -> DataKey {
    DataKey::from_parts(KeyId::new(id).unwrap(), purpose, SecretKey::take(&mut [secret; 32]))
}

/// Both kinds of key behind one face.
enum Key {
    Random(SealingKey, Cipher),
    Deterministic(DeterministicKey),
}

impl Key {
    fn all(id: u64, secret: u8) -> [Self; 3] {
        let seal = || SealingKey::new(&data_key(id, secret, Purpose::Seal)).unwrap();
        let det = data_key(id, secret, Purpose::Deterministic);
        [
            Self::Random(seal(), Cipher::Aes256Gcm),
            Self::Random(seal(), Cipher::XChaCha20Poly1305),
            Self::Deterministic(DeterministicKey::new(&det).unwrap()),
        ]
    }

    fn seal(&self, padded: bool, place: &AssociatedData<'_>, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Random(key, cipher) => {
                key.seal(SealOptions::new().cipher(*cipher).padded(padded), place, value).unwrap()
            }
            Self::Deterministic(key) => key.seal(padded, place, value).unwrap(),
        }
    }

    fn open(&self, bytes: &[u8], place: &AssociatedData<'_>) -> Result<Vec<u8>, OpenError> {
        let ciphertext = Ciphertext::parse(bytes)?;
        match self {
            Self::Random(key, _) => key.open(&ciphertext, place),
            Self::Deterministic(key) => key.open(&ciphertext, place),
        }
        .map(SecretBytes::into_vec)
    }
}

struct Names(TenantId, FieldId, RowKey);

impl Names {
    fn new(tenant: &str, field: &str, row: i64) -> Self {
        let tenant = TenantId::new(tenant.to_owned()).unwrap();
        Self(tenant, FieldId::new(field.to_owned()).unwrap(), RowKey::int(row).unwrap())
    }

    fn place(&self) -> AssociatedData<'_> {
        AssociatedData::new(&self.0, &self.1, &self.2)
    }
}

#[test]
fn what_is_sealed_opens() {
    let names = Names::new("acme", "users.email", 1);
    for key in Key::all(7, 1) {
        for padded in [false, true] {
            for len in [0, 1, 31, 32, 33, 255, 256, 5000] {
                let value = vec![0x80; len];
                let sealed = key.seal(padded, &names.place(), &value);
                let overhead = if matches!(key, Key::Random(..)) { OVERHEAD } else { 28 };
                if padded {
                    assert_eq!((sealed.len() - overhead) % 32, 0);
                } else {
                    assert_eq!(sealed.len(), len + overhead);
                }
                assert_eq!(key.open(&sealed, &names.place()).unwrap(), value);
            }
        }
    }
}

#[test]
fn any_flipped_bit_and_any_other_length_is_refused() {
    let names = Names::new("acme", "users.email", 1);
    for key in Key::all(7, 1) {
        for padded in [false, true] {
            let mut sealed = key.seal(padded, &names.place(), b"a value of some length");
            for bit in 0..sealed.len() * 8 {
                sealed[bit / 8] ^= 1 << (bit % 8);
                let refused = key.open(&sealed, &names.place()).unwrap_err();
                match bit / 8 {
                    0..12 => {}
                    _ => assert_eq!(refused, OpenError::Authentication),
                }
                sealed[bit / 8] ^= 1 << (bit % 8);
            }
            for len in 0..sealed.len() {
                assert!(key.open(&sealed[..len], &names.place()).is_err());
            }
            for more in [1, 16, 32] {
                let longer = [&sealed[..], &vec![0; more]].concat();
                assert!(key.open(&longer, &names.place()).is_err());
            }
        }
    }
}

#[test]
fn an_edited_header_changes_nothing_but_the_refusal() {
    let names = Names::new("acme", "users.email", 1);
    let [aes, chacha, siv] = Key::all(7, 1);
    let sealed = aes.seal(false, &names.place(), &[0; 32]);
    // To the other suite, under the same key: nothing of the derivation is shared.
    let mut other = sealed.clone();
    other[2] = 2;
    assert_eq!(chacha.open(&other, &names.place()), Err(OpenError::Authentication));
    // To the deterministic suite, which has no commitment.
    other[2] = 3;
    let refused = aes.open(&other, &names.place());
    assert_eq!(refused, Err(OpenError::SuiteNotAllowed(Suite::Aes256Siv)));
    assert_eq!(siv.open(&other, &names.place()), Err(OpenError::Authentication));
    // To a padded one, of a length that it could have.
    let mut other = sealed.clone();
    other[3] = 1;
    assert_eq!(aes.open(&other, &names.place()), Err(OpenError::Authentication));
    // To another key's id, when that id then leads to the same bytes of key.
    let [renamed, ..] = Key::all(8, 1);
    let mut other = sealed.clone();
    other[11] = 8;
    let named = KeyId::new(8).unwrap();
    assert_eq!(aes.open(&other, &names.place()), Err(OpenError::UnknownKey { key: named }));
    assert_eq!(renamed.open(&other, &names.place()), Err(OpenError::Authentication));
    let mut other = sealed;
    other[1] = 0;
    let version = OpenError::Malformed(CiphertextError::Version(0));
    assert_eq!(aes.open(&other, &names.place()), Err(version));
}

#[test]
fn a_value_opens_nowhere_but_in_its_place() {
    let here = Names::new("acme", "users.email", 1);
    let subject = SubjectId::new("s1").unwrap();
    let elsewhere = [
        Names::new("acme", "users.email", 2),
        Names::new("acme", "users.phone", 1),
        Names::new("acme", "patients.email", 1),
        Names::new("umbrella", "users.email", 1),
    ];
    for key in Key::all(7, 1) {
        let sealed = key.seal(false, &here.place(), b"alice@example.com");
        for place in elsewhere
            .iter()
            .map(Names::place)
            .chain([here.place().subject(&subject), here.place().with("region", "eu").unwrap()])
        {
            assert_eq!(key.open(&sealed, &place), Err(OpenError::Authentication));
        }
    }
}

#[test]
fn one_ciphertext_does_not_open_under_two_keys() {
    // AES-GCM alone lets an attacker who knows two keys craft a ciphertext that both accept. Here
    // the commitment binds the key: under the second key it is another, whatever the body is.
    let names = Names::new("acme", "users.email", 1);
    for (one, other) in Key::all(7, 1).into_iter().zip(Key::all(7, 2)) {
        let sealed = one.seal(false, &names.place(), b"a value");
        assert_eq!(other.open(&sealed, &names.place()), Err(OpenError::Authentication));
    }
}

/// The attack itself: a body whose tag is right under two message keys, which plain AES-GCM opens
/// under both. Only the commitment stands against it.
#[test]
fn a_salamander_that_fools_the_cipher_does_not_fool_the_format() {
    use aes_gcm::aead::AeadInOut as _;

    let names = Names::new("acme", "users.email", 1);
    let context = names.place().digest();
    let keys = [1, 2].map(|secret| SealingKey::new(&data_key(7, secret, Purpose::Seal)).unwrap());
    let salt = [5; SALT_LEN];
    let header = Header { suite: Suite::Aes256Gcm, padded: false, key: keys[0].id }.to_bytes();
    let aad = derive::concat(&header, &context.0);
    let ciphers = [0, 1].map(|n: usize| {
        Aes256Gcm::new((&*keys[n].deriver.message_key(&header, &salt, &context)).into())
    });
    // The tag is a polynomial over the blocks, affine in each of them: tag_k(C) = M_k * C ^ c_k
    // bit by bit. Choose the one free block C so that the tags of both keys agree. The maps are
    // found by asking the cipher itself for the tag of each unit block.
    let tag = |cipher: &Aes256Gcm, body: [u8; 16]| -> u128 {
        // Encrypting the keystream's complement of `body` yields `body` as the ciphertext.
        let mut keystream = [0; 16];
        let nonce = aes_gcm::Nonce::default();
        cipher.encrypt_inout_detached(&nonce, &aad, keystream.as_mut_slice().into()).unwrap();
        let mut plain: Vec<u8> = keystream.iter().zip(body).map(|(a, b)| a ^ b).collect();
        let tag = cipher.encrypt_inout_detached(&nonce, &aad, plain.as_mut_slice().into()).unwrap();
        assert_eq!(plain, body);
        u128::from_be_bytes(tag.into())
    };
    let base = ciphers.each_ref().map(|cipher| tag(cipher, [0; 16]));
    // Column n of M_0 ^ M_1, and the constant that it has to reach.
    let mut rows: Vec<(u128, u128)> = (0..128)
        .map(|n| {
            let unit = 1_u128 << n;
            let column = tag(&ciphers[0], unit.to_be_bytes())
                ^ base[0]
                ^ tag(&ciphers[1], unit.to_be_bytes())
                ^ base[1];
            (column, unit)
        })
        .collect();
    let mut wanted = base[0] ^ base[1];
    let mut block = 0_u128;
    // Gaussian elimination over the columns.
    for bit in (0..128).rev() {
        let Some(at) = rows.iter().position(|(column, _)| column >> bit & 1 == 1) else {
            continue;
        };
        let (column, combination) = rows.swap_remove(at);
        for row in &mut rows {
            if row.0 >> bit & 1 == 1 {
                *row = (row.0 ^ column, row.1 ^ combination);
            }
        }
        if wanted >> bit & 1 == 1 {
            wanted ^= column;
            block ^= combination;
        }
    }
    assert_eq!(wanted, 0, "the two maps differ by an invertible one");
    let body = block.to_be_bytes();
    let shared = tag(&ciphers[0], body);
    assert_eq!(shared, tag(&ciphers[1], body), "the bare cipher accepts it under both keys");

    let mut opened = 0;
    for committing in &keys {
        let commitment = committing.deriver.commitment(&header, &salt, &context);
        let forged = [&header[..], &salt, &commitment, &body, &shared.to_be_bytes()].concat();
        let forged = Ciphertext::parse(&forged).unwrap();
        opened += keys.iter().filter(|key| key.open(&forged, &names.place()).is_ok()).count();
    }
    assert_eq!(opened, 2, "each of the two forgeries opens under the key it commits to only");
}

#[test]
fn deterministic_is_what_it_says_and_the_others_are_not() {
    let names = Names::new("acme", "users.email", 1);
    let there = Names::new("acme", "users.email", 2);
    let [aes, chacha, siv] = Key::all(7, 1);
    for (key, equal) in [(aes, false), (chacha, false), (siv, true)] {
        let one = key.seal(false, &names.place(), b"value");
        assert_eq!(one == key.seal(false, &names.place(), b"value"), equal);
        assert_ne!(one, key.seal(false, &there.place(), b"value"));
    }
}

#[test]
fn a_key_for_something_else_is_refused() {
    let seal = data_key(1, 1, Purpose::Seal);
    let wrong = WrongPurpose { id: seal.id(), of: Purpose::Seal, wanted: Purpose::Deterministic };
    assert_eq!(DeterministicKey::new(&seal).unwrap_err(), wrong);
    assert!(SealingKey::new(&data_key(1, 1, Purpose::Wrap)).is_err());
}

#[test]
fn what_is_sealed_is_counted() {
    let names = Names::new("acme", "users.email", 1);
    let key = SealingKey::new(&data_key(1, 1, Purpose::Seal)).unwrap();
    assert_eq!(key.sealed(), 0);
    key.seal(SealOptions::new(), &names.place(), b"").unwrap();
    assert_eq!(key.sealed(), 1);
    assert_eq!(format!("{key:?}"), "SealingKey { id: KeyId(0000000000000001), .. }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_places_never_open_each_others(
        a in ("[ab-]{1,3}", "[ab.]{1,3}", 1_i64..4),
        b in ("[ab-]{1,3}", "[ab.]{1,3}", 1_i64..4),
        value in proptest::collection::vec(any::<u8>(), 0..100),
        padded in any::<bool>(),
    ) {
        let (here, there) = (Names::new(&a.0, &a.1, a.2), Names::new(&b.0, &b.1, b.2));
        for key in Key::all(7, 1) {
            let sealed = key.seal(padded, &here.place(), &value);
            prop_assert_eq!(key.open(&sealed, &here.place()).unwrap(), value.clone());
            prop_assert_eq!(key.open(&sealed, &there.place()).is_ok(), a == b);
        }
    }

    #[test]
    fn no_bytes_make_opening_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        suite in 0_u8..6,
    ) {
        let names = Names::new("acme", "users.email", 1);
        if let Some(head) = bytes.first_chunk_mut::<12>() {
            *head = [0xC1, 1, suite, head[3] & 1, 0, 0, 0, 0, 0, 0, 0, 7];
        }
        for key in Key::all(7, 1) {
            prop_assert!(key.open(&bytes, &names.place()).is_err());
        }
    }
}
