//! Secrets are zeroed before their memory is given back.
//!
//! Every block that is freed is looked at by an allocator of this test alone: nothing of a secret
//! may be in it. That takes `unsafe`, which no other part of the crate has.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that looks at memory"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};

use crypto_fields::{
    AssociatedData, Ciphertext, DataKey, DeterministicKey, FieldId, KeyEncryptionKey, KeyId,
    KeyOrigin, Purpose, ReadyKey, RowKey, SealOptions, SealingKey, SecretBytes, SecretKey,
    StreamHeader, StreamKey, TenantId,
};

thread_local! {
    /// The bytes that no freed block of this thread may hold.
    static WATCHED: Cell<Option<[u8; 8]>> = const { Cell::new(None) };
    static FOUND: Cell<u32> = const { Cell::new(0) };
    static LOOKED: Cell<u32> = const { Cell::new(0) };
}

struct Looking;

// SAFETY: everything is passed on to the system's allocator. A block is only read, after it was
// handed in to be freed and before it is.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Ok(Some(watched)) = WATCHED.try_with(Cell::get) {
            let mut matched = 0;
            for at in 0..layout.size() {
                // SAFETY: within the block. Bytes that were never written read as whatever stands
                // there, which is what is asked for; the read is volatile so that it takes place.
                let byte = unsafe { block.add(at).read_volatile() };
                matched = if byte == watched[matched] {
                    matched + 1
                } else {
                    usize::from(byte == watched[0])
                };
                if matched == watched.len() {
                    FOUND.set(FOUND.get() + 1);
                    break;
                }
            }
            LOOKED.set(LOOKED.get() + 1);
        }
        // SAFETY: the caller's block and layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

/// How many freed blocks held the secret's beginning while `f` ran, of how many that were looked at.
fn leaks(secret: &[u8], f: impl FnOnce()) -> (u32, u32) {
    FOUND.set(0);
    LOOKED.set(0);
    WATCHED.set(secret.first_chunk().copied());
    f();
    WATCHED.set(None);
    (FOUND.get(), LOOKED.get())
}

fn assert_wiped(secret: &[u8], f: impl FnOnce()) {
    let (found, looked) = leaks(secret, f);
    assert!(looked > 0, "nothing was freed");
    assert_eq!(found, 0, "of {looked} blocks");
}

const KEY: [u8; 32] = *b"\xd1\x5e\xa5\xed\x0d\xdb\xa1\x11 a key that nobody reads";
const PLAIN: &[u8] = b"\xfe\xed\xfa\xce\xca\xfe\xbe\xef and a long plaintext that nobody is to see";

fn secret() -> SecretKey {
    SecretKey::take(&mut KEY.clone())
}

fn key(purpose: Purpose) -> DataKey {
    DataKey::from_parts(KeyId::new(1).unwrap(), purpose, secret())
}

#[test]
fn the_allocator_sees_what_is_not_wiped() {
    let (found, _) = leaks(&KEY, || drop(Vec::from(KEY)));
    assert_eq!(found, 1);
}

#[test]
fn keys_are_wiped() {
    assert_wiped(&KEY, || drop(secret()));
    for purpose in Purpose::ALL {
        assert_wiped(&KEY, || drop(key(purpose)));
    }
    assert_wiped(&KEY, || {
        let origin = KeyOrigin::Group(TenantId::SINGLE);
        drop(ReadyKey::new(key(Purpose::Seal), origin));
        drop(KeyEncryptionKey::new(&key(Purpose::Wrap)).unwrap());
    });
}

#[test]
fn opened_values_are_wiped_when_dropped() {
    assert_wiped(PLAIN, || drop(SecretBytes::new(PLAIN.to_vec())));
    let (tenant, field) = (TenantId::SINGLE, FieldId::new("f").unwrap());
    let row = RowKey::int(1).unwrap();
    let place = AssociatedData::new(&tenant, &field, &row);
    let random = SealingKey::new(&key(Purpose::Seal)).unwrap();
    let deterministic = DeterministicKey::new(&key(Purpose::Deterministic)).unwrap();
    for padded in [false, true] {
        assert_wiped(PLAIN, || {
            let sealed = random.seal(SealOptions::new().padded(padded), &place, PLAIN).unwrap();
            drop(random.open(&Ciphertext::parse(&sealed).unwrap(), &place).unwrap());
            let sealed = deterministic.seal(padded, &place, PLAIN).unwrap();
            drop(deterministic.open(&Ciphertext::parse(&sealed).unwrap(), &place).unwrap());
        });
    }
}

#[test]
fn buffers_of_files_are_wiped_also_of_those_that_break_off() {
    let (tenant, field) = (TenantId::SINGLE, FieldId::new("f").unwrap());
    let row = RowKey::int(1).unwrap();
    let place = AssociatedData::new(&tenant, &field, &row);
    let key = StreamKey::new(&key(Purpose::Stream)).unwrap();
    assert_wiped(PLAIN, || {
        let mut writer = key.writer(&place, Vec::new()).unwrap();
        writer.write_all(PLAIN).unwrap();
        drop(writer);
    });
    let mut writer = key.writer(&place, Vec::new()).unwrap();
    writer.write_all(PLAIN).unwrap();
    let file = writer.finish().unwrap();
    assert_wiped(PLAIN, || {
        let mut from = file.as_slice();
        let header = StreamHeader::read(&mut from).unwrap();
        let mut reader = key.reader(&header, &place, from).unwrap();
        reader.read_exact(&mut [0; 4]).unwrap();
    });
}
