use super::*;
use crate::associated_data::names::{FieldId, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::secret::SecretKey;

const TENANT: TenantId = TenantId::SINGLE;
const SEALED: usize = CHUNK + TAG_LEN;

fn key(secret: u8) -> StreamKey {
    let secret = SecretKey::take(&mut [secret; 32]);
    StreamKey::new(&DataKey::from_parts(KeyId::ONE, Purpose::Stream, secret)).unwrap()
}

fn plain(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn seal(row: i64, plain: &[u8], step: usize) -> Vec<u8> {
    let (field, row) = (FieldId::new("scans.file").unwrap(), RowKey::int(row).unwrap());
    let mut writer =
        key(1).writer(&AssociatedData::new(&TENANT, &field, &row), Vec::new()).unwrap();
    for part in plain.chunks(step) {
        writer.write_all(part).unwrap();
    }
    writer.finish().unwrap()
}

#[expect(clippy::unwrap_in_result, reason = "the names are sound")]
fn open(row: i64, mut file: &[u8], secret: u8) -> io::Result<Vec<u8>> {
    let (field, row) = (FieldId::new("scans.file").unwrap(), RowKey::int(row).unwrap());
    let header = StreamHeader::read(&mut file)?;
    let place = AssociatedData::new(&TENANT, &field, &row);
    let mut reader = key(secret).reader(&header, &place, file).map_err(invalid)?;
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain)?;
    Ok(plain)
}

fn refused(file: &[u8]) {
    let error = open(1, file, 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.get_ref().unwrap().is::<OpenError>());
}

#[test]
fn files_of_any_length_open_and_are_as_long_as_stated() {
    for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17] {
        let plain = plain(len);
        for step in [1000, CHUNK, CHUNK + 1, 1 << 20] {
            let sealed = seal(1, &plain, step);
            assert_eq!(sealed.len(), 68 + len + 16 * std::cmp::max(len.div_ceil(CHUNK), 1));
            assert_eq!(open(1, &sealed, 1).unwrap(), plain);
        }
    }
}

#[test]
fn a_file_that_was_cut_off_or_extended_is_refused() {
    let sealed = seal(1, &plain(2 * CHUNK), CHUNK);
    for len in [0, 11, 67, 68, 69, 68 + SEALED - 1, 68 + SEALED, 68 + SEALED + 1, sealed.len() - 1]
    {
        refused(&sealed[..len]);
    }
    for more in [&[0][..], &[0; 16], &sealed[68..], &sealed[68 + SEALED..], &vec![0; SEALED]] {
        refused(&[&sealed, more].concat());
    }
    // An end of another file, and an empty chunk after a full last one.
    let other = seal(1, &plain(10), CHUNK);
    refused(&[&sealed[..68 + SEALED], &other[68..]].concat());
}

#[test]
fn chunks_that_were_exchanged_repeated_or_left_out_are_refused() {
    let sealed = seal(1, &plain(3 * CHUNK), CHUNK);
    let (head, body) = sealed.split_at(68);
    let chunks: Vec<_> = body.chunks(SEALED).collect();
    for order in [[1, 0, 2], [0, 2, 1], [2, 1, 0]] {
        let file: Vec<_> = std::iter::once(head).chain(order.map(|n| chunks[n])).collect();
        refused(&file.concat());
    }
    refused(&[head, chunks[0], chunks[0], chunks[1], chunks[2]].concat());
    refused(&[head, chunks[0], chunks[2]].concat());
    refused(&[head, chunks[2]].concat());
}

#[test]
fn any_flipped_bit_is_refused() {
    let sealed = seal(1, &plain(CHUNK + 9), CHUNK);
    let places = (0..70).chain([68 + SEALED - 1, 68 + SEALED, sealed.len() - 1]);
    for at in places {
        for bit in 0..8 {
            let mut file = sealed.clone();
            file[at] ^= 1 << bit;
            refused(&file);
        }
    }
}

#[test]
fn a_file_opens_in_its_place_and_under_its_key_only() {
    let sealed = seal(1, b"a scan", CHUNK);
    assert_eq!(open(1, &sealed, 1).unwrap(), b"a scan");
    assert!(open(2, &sealed, 1).is_err());
    assert!(open(1, &sealed, 2).is_err());
}

#[test]
fn what_was_read_before_a_damage_is_authentic_and_nothing_comes_after() {
    let plain = plain(2 * CHUNK);
    let mut file = seal(1, &plain, CHUNK);
    let end = file.len();
    file[end - 20] ^= 1;
    let (field, row) = (FieldId::new("scans.file").unwrap(), RowKey::int(1).unwrap());
    let mut from = file.as_slice();
    let header = StreamHeader::read(&mut from).unwrap();
    let place = AssociatedData::new(&TENANT, &field, &row);
    let mut reader = key(1).reader(&header, &place, from).unwrap();
    let mut read = vec![0; CHUNK];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(read, plain[..CHUNK]);
    for _ in 0..3 {
        assert!(reader.read(&mut read).is_err());
    }
}

#[test]
fn values_and_files_are_not_taken_for_each_other() {
    let file = seal(1, b"a scan", CHUNK);
    let refused = crate::ciphertext::Ciphertext::parse(&file).unwrap_err();
    assert_eq!(refused, CiphertextError::Suite(4));
    let mut value = file;
    value[2] = 1;
    assert!(StreamHeader::read(&mut value.as_slice()).is_err());
}

/// Two files of one value would otherwise both be authentic: whoever has the key could make them.
#[test]
fn an_empty_last_chunk_is_refused_but_in_an_empty_file() {
    let (field, row) = (FieldId::new("scans.file").unwrap(), RowKey::int(1).unwrap());
    let context = AssociatedData::new(&TENANT, &field, &row).digest();
    let written = |chunks: &[usize]| {
        let key = key(1);
        let header = Header { suite: Suite::Stream, padded: false, key: key.id }.to_bytes();
        let salt = [7; SALT_LEN];
        let commitment = key.deriver.commitment(&header, &salt, &context);
        let mut file = [&header[..], &salt, &commitment].concat();
        let mut cipher = key.chunks(&header, &salt, &context);
        for (at, len) in chunks.iter().enumerate() {
            let mut chunk = plain(*len);
            let tag = cipher.seal(&mut chunk, at + 1 == chunks.len()).unwrap();
            file.extend([chunk, tag.to_vec()].concat());
        }
        file
    };
    assert_eq!(open(1, &written(&[CHUNK, 1]), 1).unwrap().len(), CHUNK + 1);
    assert!(open(1, &written(&[0]), 1).unwrap().is_empty());
    refused(&written(&[CHUNK, 0]));
}
