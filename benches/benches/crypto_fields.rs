//! Each suite against the bare cipher of the same library: `cargo bench -p benches --bench
//! crypto_fields`.
//!
//! The bare cipher has its key made ready beforehand and counts its nonces: the fastest that the
//! library can seal. A suite makes a key for the message and commits to it besides.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a measurement that cannot be taken ends the run"
)]

use std::hint::black_box;
use std::io::{Read, Write};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_siv::siv::Aes256Siv;
use chacha20poly1305::XChaCha20Poly1305;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crypto_fields::{
    AssociatedData, Cipher, Ciphertext, DataKey, DeterministicKey, FieldId, Purpose, RowKey,
    SealOptions, SealingKey, StreamHeader, StreamKey, TenantId,
};

const SIZES: [(&str, usize); 4] =
    [("32 B", 32), ("256 B", 256), ("4 KiB", 4096), ("1 MiB", 1 << 20)];

/// The context of a field, with the bytes that the bare ciphers authenticate.
struct Place(TenantId, FieldId, RowKey);

impl Place {
    fn new() -> Self {
        let tenant = TenantId::new("acme").expect("a name");
        Self(tenant, FieldId::new("users.email").expect("a name"), RowKey::int(42).expect("a key"))
    }

    fn get(&self) -> AssociatedData<'_> {
        AssociatedData::new(&self.0, &self.1, &self.2)
    }
}

fn key(purpose: Purpose) -> DataKey {
    DataKey::generate(purpose).expect("randomness")
}

/// A suite of one message and the cipher that it is made of.
fn pair<A: Aead + KeyInit>(c: &mut Criterion, name: &str, cipher: Cipher, nonce_len: usize) {
    let place = Place::new();
    let sealing = SealingKey::new(&key(Purpose::Seal)).expect("a key that seals");
    let bare = A::new_from_slice(&[7; 32]).expect("32 bytes");
    let options = SealOptions::new().cipher(cipher);
    let mut group = c.benchmark_group(name);
    for (size, len) in SIZES {
        let value = vec![0x5a; len];
        group.throughput(Throughput::Bytes(len as u64));
        let mut count = 0_u64;
        let aad = place.get().to_bytes();
        group.bench_function(BenchmarkId::new("bare seal", size), |b| {
            b.iter(|| {
                count += 1;
                let mut nonce = aes_gcm::aead::Nonce::<A>::default();
                for (to, from) in nonce.iter_mut().skip(nonce_len - 8).zip(count.to_be_bytes()) {
                    *to = from;
                }
                bare.encrypt(&nonce, Payload { msg: black_box(&value), aad: &aad })
            });
        });
        group.bench_function(BenchmarkId::new("seal", size), |b| {
            b.iter(|| sealing.seal(options, &place.get(), black_box(&value)).expect("sealed"));
        });
        let sealed = sealing.seal(options, &place.get(), &value).expect("sealed");
        group.bench_function(BenchmarkId::new("open", size), |b| {
            b.iter(|| {
                let sealed = Ciphertext::parse(black_box(&sealed)).expect("a ciphertext");
                sealing.open(&sealed, &place.get()).expect("opened")
            });
        });
    }
    group.finish();
}

fn suite_01(c: &mut Criterion) {
    pair::<Aes256Gcm>(c, "suite 0x01, AES-256-GCM", Cipher::Aes256Gcm, 12);
}

fn suite_02(c: &mut Criterion) {
    pair::<XChaCha20Poly1305>(c, "suite 0x02, XChaCha20-Poly1305", Cipher::XChaCha20Poly1305, 24);
}

fn suite_03(c: &mut Criterion) {
    let place = Place::new();
    let sealing = DeterministicKey::new(&key(Purpose::Deterministic)).expect("a key");
    let mut bare = Aes256Siv::new_from_slice(&[7; 64]).expect("64 bytes");
    let mut group = c.benchmark_group("suite 0x03, AES-256-SIV");
    for (size, len) in SIZES {
        let value = vec![0x5a; len];
        group.throughput(Throughput::Bytes(len as u64));
        let aad = place.get().to_bytes();
        group.bench_function(BenchmarkId::new("bare seal", size), |b| {
            b.iter(|| bare.encrypt([&aad], black_box(&value)).expect("sealed"));
        });
        group.bench_function(BenchmarkId::new("seal", size), |b| {
            b.iter(|| sealing.seal(false, &place.get(), black_box(&value)).expect("sealed"));
        });
    }
    group.finish();
}

fn suite_04(c: &mut Criterion) {
    let place = Place::new();
    let key = StreamKey::new(&key(Purpose::Stream)).expect("a key for files");
    let bare = Aes256Gcm::new_from_slice(&[7; 32]).expect("32 bytes");
    let (size, len) = ("16 MiB", 16 << 20);
    let file = vec![0x5a; len];
    let mut group = c.benchmark_group("suite 0x04, files");
    group.throughput(Throughput::Bytes(len as u64)).sample_size(10);
    group.bench_function(BenchmarkId::new("bare seal of each 64 KiB", size), |b| {
        b.iter(|| {
            for (count, chunk) in (0_u64..).zip(black_box(&file).chunks(64 * 1024)) {
                let mut nonce = aes_gcm::aead::Nonce::<Aes256Gcm>::default();
                for (to, from) in nonce.iter_mut().zip(count.to_be_bytes()) {
                    *to = from;
                }
                black_box(bare.encrypt(&nonce, chunk).expect("sealed"));
            }
        });
    });
    let seal = || {
        let mut writer =
            key.writer(&place.get(), Vec::with_capacity(len + len / 1024)).expect("ok");
        writer.write_all(black_box(&file)).expect("memory");
        writer.finish().expect("memory")
    };
    group.bench_function(BenchmarkId::new("seal", size), |b| b.iter(seal));
    let sealed = seal();
    group.bench_function(BenchmarkId::new("open", size), |b| {
        b.iter(|| {
            let mut from = black_box(sealed.as_slice());
            let header = StreamHeader::read(&mut from).expect("a header");
            let mut reader = key.reader(&header, &place.get(), from).expect("ours");
            let mut chunk = [0; 64 * 1024];
            while reader.read(&mut chunk).expect("whole") > 0 {
                black_box(&chunk);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, suite_01, suite_02, suite_03, suite_04);
criterion_main!(benches);
