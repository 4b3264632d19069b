//! Blind indexes, passwords, tokens: `cargo bench -p benches --bench credentials`.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a measurement that cannot be taken ends the run"
)]

use std::hint::black_box;
use std::num::NonZeroUsize;

use argon2::{Algorithm, Argon2, Params, Version};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crypto_fields::{
    ApiToken, BackupCodeSet, BlindIndex, CredentialKeys, DataKey, FernetKey, FieldId, IndexWidth,
    MultiFernet, Normalizer, PasswordCost, PasswordHasher, PasswordPolicy, Purpose, TokenPrefix,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const MAIL: &str = "Ann.Example@example.com";

/// The floor is one HMAC of the same bytes under a key that is ready.
fn blind_index(c: &mut Criterion) {
    let key = DataKey::generate(Purpose::BlindIndex).expect("randomness");
    let index = |normalizer| {
        let field = FieldId::new("users.email").expect("a name");
        BlindIndex::new(1, &key, field, normalizer, IndexWidth::UNIQUE).expect("its purpose")
    };
    let mut group = c.benchmark_group("blind index");
    group.throughput(Throughput::Elements(1));
    let ready = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length");
    group.bench_function("floor: HMAC-SHA-256", |b| {
        b.iter(|| {
            let mut mac = ready.clone();
            mac.update(black_box(MAIL).as_bytes());
            mac.finalize()
        });
    });
    for normalizer in [Normalizer::Exact, Normalizer::Email, Normalizer::CaseFold] {
        let index = index(normalizer);
        let id = BenchmarkId::new("value", normalizer.name());
        group.bench_function(id, |b| b.iter(|| index.value(black_box(MAIL))));
    }
    let partitioned = index(Normalizer::Exact).partitioned(16).expect("so many");
    group.bench_function("query of 16 partitions", |b| {
        b.iter(|| partitioned.query(black_box(MAIL)));
    });
    group.sample_size(10);
    let slow = index(Normalizer::Exact).slow(PasswordCost::OWASP).expect("a cost");
    group.bench_function("slow value", |b| b.iter(|| slow.value(black_box(MAIL))));
    group.finish();
}

/// The floor is Argon2id of the same cost, without PHC strings, salts and turns.
fn password(c: &mut Criterion) {
    let mut group = c.benchmark_group("password");
    group.sample_size(10);
    for cost in [PasswordCost::OWASP, PasswordCost::RFC_9106_LOW_MEMORY] {
        let name = format!("m={},t={},p={}", cost.memory_kib(), cost.passes(), cost.lanes());
        let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(32));
        let params = params.expect("a cost");
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        group.bench_function(BenchmarkId::new("floor: Argon2id", &name), |b| {
            let mut out = [0; 32];
            b.iter(|| argon.hash_password_into(black_box(b"correct horse"), &[7; 16], &mut out));
        });
        let policy = PasswordPolicy::default().cost(cost).concurrency(NonZeroUsize::MIN, 0);
        let hasher = PasswordHasher::new(policy).expect("a cost");
        let stored = hasher.hash("correct horse").expect("memory");
        group.bench_function(BenchmarkId::new("hash", &name), |b| {
            b.iter(|| hasher.hash(black_box("correct horse")));
        });
        group.bench_function(BenchmarkId::new("verify", &name), |b| {
            b.iter(|| hasher.verify(black_box("correct horse"), Some(&stored)));
        });
        group.bench_function(BenchmarkId::new("nobody", &name), |b| {
            b.iter(|| hasher.verify(black_box("correct horse"), None));
        });
    }
    let old = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let hasher = PasswordHasher::new(PasswordPolicy::default()).expect("a cost");
    group.bench_function("verify bcrypt of cost 5, and hash anew", |b| {
        b.iter(|| hasher.verify(black_box("U*U"), Some(old)));
    });
    group.finish();
}

fn tokens(c: &mut Criterion) {
    let key = DataKey::generate(Purpose::Credential).expect("randomness");
    let keys = CredentialKeys::new(&key).expect("its purpose");
    let prefix = TokenPrefix::new("acme_live").expect("a prefix");
    let token = ApiToken::generate(&prefix).expect("randomness");
    let row = token.stored(&keys);
    let mut group = c.benchmark_group("token");
    group.throughput(Throughput::Elements(1));
    group.bench_function("generate", |b| b.iter(|| ApiToken::generate(&prefix)));
    group.bench_function("parse and verify", |b| {
        b.iter(|| {
            let token = ApiToken::parse(&prefix, black_box(token.reveal())).expect("a token");
            token.verify(&keys, &row.hash)
        });
    });
    let (codes, set) = BackupCodeSet::generate(&keys, "usr_1").expect("randomness");
    let typed = codes.last().expect("ten").reveal();
    group.bench_function("redeem a backup code", |b| {
        b.iter(|| set.redeem(&keys, "usr_1", black_box(&typed)));
    });
    let fernet = MultiFernet::new(FernetKey::generate().expect("randomness"));
    let sealed = fernet.encrypt(MAIL.as_bytes()).expect("randomness");
    group.bench_function("Fernet encrypt", |b| {
        b.iter(|| fernet.encrypt(black_box(MAIL.as_bytes())));
    });
    group.bench_function("Fernet decrypt", |b| b.iter(|| fernet.decrypt(black_box(&sealed))));
    group.finish();
}

criterion_group!(benches, blind_index, password, tokens);
criterion_main!(benches);
