//! Names of files, from what developers declared, and safe wherever a bundle is opened.

use sha2::{Digest, Sha256};

/// The longest part of a name that is taken as it is.
const LONGEST: usize = 40;

/// The name of a source as part of a file's name: itself where it is of lower-case letters, digits,
/// `-` and `_`, otherwise what is left of it and a piece of its hash. Names that differ in nothing
/// but case, dots or slashes are different files then, on every file system.
pub(crate) fn stem(name: &str) -> String {
    let safe = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }
    };
    let stem: String = name.chars().take(LONGEST).map(safe).collect();
    if stem == name && !stem.is_empty() && !is_device(&stem) && !stem.starts_with('-') {
        return stem;
    }
    let hash = base16ct::lower::encode_string(&Sha256::digest(name));
    let hash: String = hash.chars().take(16).collect();
    format!("s{}-{hash}", stem.trim_end_matches('-'))
}

/// Names that some systems keep for devices.
fn is_device(name: &str) -> bool {
    let numbered = |prefix| {
        let rest = name.strip_prefix(prefix).map(str::as_bytes);
        matches!(rest, Some([b'0'..=b'9']))
    };
    matches!(name, "aux" | "con" | "nul" | "prn") || numbered("com") || numbered("lpt")
}

/// The ending of a file's name, where the key of its record has one that opens as what it is and
/// runs nothing; otherwise `bin`.
pub(super) fn ending(key: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        "csv", "gif", "ics", "jpeg", "jpg", "json", "m4a", "mov", "mp3", "mp4", "ogg", "pdf",
        "png", "txt", "vcf", "wav", "webm", "webp",
    ];
    let ending = key.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = KNOWN.into_iter().find(|known| ending.as_deref() == Some(known));
    known.unwrap_or("bin")
}

/// Whether a path is one that a bundle has: relative, of safe parts.
pub(super) fn is_safe(path: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let parts = path.split('/');
    path.len() <= 200
        && parts.clone().count() <= 3
        && parts
            .into_iter()
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(safe))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_from_hell() {
        for plain in ["customers", "invoice_lines", "a-1", "c"] {
            assert_eq!(stem(plain), plain);
        }
        for hell in [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "C:\\x",
            "con",
            "LPT1",
            "com7",
            "a.b",
            "a/b",
            "a b",
            "-rf",
            "Customers",
            "\u{202e}fdp",
            "naïve",
            "\0",
            "x\n",
            "=cmd|' /C calc'!A0",
            "<script>",
            &"x".repeat(300),
        ] {
            let stem = stem(hell);
            assert!(is_safe(&format!("data/{stem}.json")), "{hell:?} {stem}");
            assert!(stem != hell && stem.len() < 64 && !stem.starts_with('-'), "{hell:?} {stem}");
        }
        assert_ne!(stem("Customers"), stem("CUSTOMERS"));
        assert_ne!(stem("a/b"), stem("a.b"));
    }

    #[test]
    fn endings_that_run_nothing() {
        for (key, expected) in [
            ("users/1/a.JPG", "jpg"),
            ("x.pdf", "pdf"),
            ("x.html", "bin"),
            ("x.svg", "bin"),
            ("x.exe", "bin"),
            ("x", "bin"),
            ("x.pdf/../..", "bin"),
        ] {
            assert_eq!(ending(key), expected, "{key}");
        }
    }

    #[test]
    fn paths_of_a_bundle() {
        for path in ["index.html", "data/customers.json", "files/uploads/0000001.jpg"] {
            assert!(is_safe(path), "{path}");
        }
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a/b/c/d", ".x", "a/.x"] {
            assert!(!is_safe(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_source_is_called(one in any::<String>(), other in any::<String>()) {
            let path = format!("files/{}/1.bin", stem(&one));
            prop_assert!(is_safe(&path));
            prop_assert_eq!(one == other, stem(&one) == stem(&other));
        }
    }
}
