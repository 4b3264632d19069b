//! A bundle's archive of any bytes: it is refused or read to its end in bounded memory, and what
//! is read is what the manifest lists.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use audit_core::BundlePath;
use audit_store::Bundle;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("audit-fuzz-{}.zip", std::process::id()))
});

fuzz_target!(|archive: &[u8]| {
    std::fs::write(&*FILE, archive).unwrap();
    if let Ok(bundle) = Bundle::open(&*FILE) {
        let _ = bundle.listing_faults(10);
        for file in bundle.checkpoints().chain([&BundlePath::Keys]) {
            let _ = bundle.text(file);
        }
        for file in [BundlePath::Entries, BundlePath::Disclosures] {
            let Ok(mut file) = bundle.lines(&file) else { continue };
            let Ok(mut lines) = file.lines() else { continue };
            while let Ok(Some(block)) = lines.next_block() {
                assert!(block.lines().all(|line| !line.contains('\n')));
            }
        }
    }
    let _ = std::fs::remove_file(&*FILE);
});
