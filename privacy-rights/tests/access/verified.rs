//! Checking a bundle with the public key alone.

use std::fs;
use std::path::Path;

use audit_core::SigningKey;
use privacy_rights::{BundleDefect, verify_bundle};

use crate::world::{Made, key, keys, made, shop};

async fn small() -> Made {
    let mut shop = shop();
    shop.invoices.count = 3;
    made(shop.bundle()).await
}

fn defect(place: &Path) -> BundleDefect {
    verify_bundle(place, &keys()).unwrap_err()
}

#[tokio::test]
async fn any_changed_byte_is_refused() {
    let made = small().await;
    let verified = verify_bundle(&made.place, &keys()).unwrap();
    assert_eq!(*verified.manifest(), made.manifest);
    assert_eq!(verified.key().name(), "audit.example.com/documents");
    for (path, bytes) in made.files() {
        let full = made.place.join(&path);
        // Of long files some bytes, of the signature every one.
        let step = if path == "manifest.sig" { 1 } else { bytes.len() / 40 + 1 };
        for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            for bit in [0x01, 0x20] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                fs::write(&full, &changed).unwrap();
                let error = defect(&made.place);
                if path != "manifest.sig" {
                    assert_eq!(error.to_string(), format!("{path} was changed"), "{at}");
                }
            }
        }
        for changed in [&bytes[..bytes.len() - 1], &[&bytes[..], b"\n"].concat(), b""] {
            fs::write(&full, changed).unwrap();
            defect(&made.place);
        }
        fs::remove_file(&full).unwrap();
        assert_eq!(defect(&made.place).to_string(), format!("{path} is missing"));
        fs::write(&full, &bytes).unwrap();
    }
    verify_bundle(&made.place, &keys()).unwrap();
}

#[tokio::test]
async fn nothing_is_added() {
    let made = small().await;
    for extra in ["more.html", "data/more.json", "files/x.bin", ".hidden"] {
        let full = made.place.join(extra);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, b"x").unwrap();
        assert!(matches!(defect(&made.place), BundleDefect::Extra { .. }), "{extra}");
        fs::remove_file(&full).unwrap();
        if extra.starts_with("files") {
            fs::remove_dir(full.parent().unwrap()).unwrap();
        }
    }
    fs::create_dir(made.place.join("empty")).unwrap();
    assert_eq!(defect(&made.place).to_string(), "empty does not belong to the bundle");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_no_file_of_a_bundle() {
    let made = small().await;
    let (index, elsewhere) = (made.place.join("index.html"), made.place.with_extension("html"));
    fs::rename(&index, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &index).unwrap();
    assert_eq!(defect(&made.place).to_string(), "index.html does not belong to the bundle");
}

#[tokio::test]
async fn nobody_elses_key_will_do() {
    let made = small().await;
    let other = SigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
    let elsewhere = SigningKey::from_seed("other.example.com", &[7; 32]).unwrap();
    for keys in [vec![other.verifier().clone()], vec![elsewhere.verifier().clone()], vec![]] {
        let error = verify_bundle(&made.place, &keys).unwrap_err();
        assert_eq!(error.to_string(), "the signature does not verify");
    }
    // The journal's keys of all times, or the one under its name for documents.
    let documents = key().renamed("audit.example.com/documents").unwrap();
    verify_bundle(&made.place, &[documents.verifier().clone()]).unwrap();
    verify_bundle(&made.place, &[other.verifier().clone(), key().verifier().clone()]).unwrap();
}

#[tokio::test]
async fn the_signature_of_one_bundle_is_not_that_of_another() {
    let mut shop = shop();
    shop.invoices.count = 3;
    let one = made(shop.bundle()).await;
    shop.invoices.count = 2;
    let other = made(shop.bundle()).await;
    fs::copy(one.place.join("manifest.sig"), other.place.join("manifest.sig")).unwrap();
    assert_eq!(defect(&other.place).to_string(), "manifest.json was changed");
}

#[tokio::test]
async fn a_second_signature_is_a_change() {
    let made = small().await;
    let path = made.place.join("manifest.sig");
    let mut note = audit_core::Note::parse(&made.text("manifest.sig")).unwrap();
    let other = SigningKey::generate("somebody.example.com").unwrap();
    note.add(other.sign(note.text())).unwrap();
    fs::write(&path, note.to_string()).unwrap();
    assert_eq!(defect(&made.place).to_string(), "the manifest has not one signature");
}

/// A manifest that is signed by the right key and lies about where its files are.
#[tokio::test]
async fn paths_out_of_the_bundle_are_refused() {
    for (path, twice) in [("../outside.txt", false), ("/etc/hostname", false), ("index.html", true)]
    {
        let made = small().await;
        fs::write(made.place.with_file_name("outside.txt"), b"").unwrap();
        let mut manifest = made.json("manifest.json");
        let mut file = manifest["files"].as_array().unwrap().last().unwrap().clone();
        file["path"] = path.into();
        manifest["files"].as_array_mut().unwrap().push(file);
        let text = serde_json::to_string(&manifest).unwrap();
        fs::write(made.place.join("manifest.json"), &text).unwrap();
        let hash = {
            use sha2::Digest as _;
            let digest: [u8; 32] = sha2::Sha256::digest(&text).into();
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let (format, id) = ("privacy-rights/bundle/v1", "00000000-0000-0000-0000-000000000007");
        let words = format!("{format}\n{id}\n{} {hash}\n", text.len());
        let documents = key().renamed("audit.example.com/documents").unwrap();
        let mut note = audit_core::Note::new(words).unwrap();
        note.add(documents.sign(note.text())).unwrap();
        fs::write(made.place.join("manifest.sig"), note.to_string()).unwrap();
        assert!(matches!(defect(&made.place), BundleDefect::Manifest(_)), "{path} {twice}");
    }
}
