//! A root key of 32 bytes in a file or in the environment.

use std::io::{self, Read};
use std::path::Path;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::kek::{self, KeyEncryptionKey};
use crate::secret::{KEY_LEN, SecretKey};

/// A root key that this machine holds: from a file, or from the environment.
///
/// It stands outside the database and outside the backups of the database, or it protects nothing.
/// A file has exactly 32 bytes, or these as 64 hexadecimal digits or as base64, with or without a
/// line end. `(umask 377; head -c 32 /dev/urandom > key)` makes one.
///
/// ```no_run
/// use crypto_fields::LocalKey;
///
/// let root = LocalKey::from_file("/run/secrets/root.key")?;
/// # Ok::<(), crypto_fields::LocalKeyError>(())
/// ```
#[derive(Debug)]
pub struct LocalKey(KeyEncryptionKey);

/// A local key could not be had. Nothing of what was read is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalKeyError {
    /// Neither 32 bytes nor a text of 32 bytes; or 32 bytes that are all the same.
    #[error("a key is 32 random bytes, or these in hexadecimal digits or base64")]
    Form,
    /// The file cannot be read.
    #[error("the key file cannot be read")]
    Io(#[source] io::Error),
    /// The variable is not set, or is no text.
    #[error("the environment has no such variable")]
    NotSet,
    /// Others than its owner may read or change the file, or it is no regular file.
    #[error("the key file must be a regular file that nobody but its owner may read or write")]
    Permissions,
}

/// No key in a text is longer.
const MAX_FILE: u64 = 1024;

impl LocalKey {
    /// Takes a key that is there already.
    #[must_use]
    pub fn new(secret: SecretKey) -> Self {
        Self(kek::root("local", secret))
    }

    /// Reads a file. On Unix it must be readable by nobody but its owner (`chmod 400`), which is
    /// asked of the file that was opened: a symbolic link is followed, and counts for what it
    /// leads to.
    ///
    /// # Errors
    ///
    /// [`LocalKeyError::Io`], [`LocalKeyError::Permissions`], [`LocalKeyError::Form`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LocalKeyError> {
        // Before it is opened as well: opening a pipe would wait for whoever writes to it.
        let path = path.as_ref();
        if !std::fs::metadata(path).map_err(LocalKeyError::Io)?.is_file() {
            return Err(LocalKeyError::Permissions);
        }
        let file = std::fs::File::open(path).map_err(LocalKeyError::Io)?;
        let metadata = file.metadata().map_err(LocalKeyError::Io)?;
        if !metadata.is_file() || !private(&metadata) {
            return Err(LocalKeyError::Permissions);
        }
        // Room for all of it at once: a buffer that grows leaves parts of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2048));
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(LocalKeyError::Io)?;
        Ok(Self::new(parse(&bytes).ok_or(LocalKeyError::Form)?))
    }

    /// Reads a variable of the environment, in hexadecimal digits or base64.
    ///
    /// Whoever may read `/proc/<pid>/environ` reads it too: a file is better.
    ///
    /// # Errors
    ///
    /// [`LocalKeyError::NotSet`], [`LocalKeyError::Form`].
    pub fn from_env(name: &str) -> Result<Self, LocalKeyError> {
        let text = std::env::var(name).map(Zeroizing::new).map_err(|_| LocalKeyError::NotSet)?;
        if text.len() == KEY_LEN {
            // 32 characters are a password, not 32 random bytes.
            return Err(LocalKeyError::Form);
        }
        Ok(Self::new(parse(text.as_bytes()).ok_or(LocalKeyError::Form)?))
    }
}

kek::wraps_by_its_kek!(LocalKey);

#[cfg(unix)]
fn private(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.permissions().mode().trailing_zeros() >= 6
}

#[cfg(not(unix))]
fn private(_: &std::fs::Metadata) -> bool {
    true
}

fn parse(bytes: &[u8]) -> Option<SecretKey> {
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    if let Ok(raw) = <&[u8; KEY_LEN]>::try_from(bytes) {
        *key = *raw;
    } else {
        let text = bytes.trim_ascii_end();
        match text.len() {
            64 => base16(text, &mut key)?,
            44 => drop(Base64::decode(text, &mut *key).ok().filter(|key| key.len() == KEY_LEN)?),
            43 => drop(
                Base64UrlUnpadded::decode(text, &mut *key)
                    .ok()
                    .filter(|key| key.len() == KEY_LEN)?,
            ),
            _ => return None,
        }
    }
    // Thirty-two equal bytes are an empty disk or an example, never a key.
    let [first, rest @ ..] = *key;
    if rest.iter().all(|byte| *byte == first) {
        return None;
    }
    Some(SecretKey::take(&mut key))
}

fn base16(digits: &[u8], key: &mut [u8; KEY_LEN]) -> Option<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in key.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = *pair;
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::KeyWrapper;

    fn file(bytes: &[u8], mode: u32) -> tempfile::NamedTempFile {
        use std::io::Write;
        use std::os::unix::fs::PermissionsExt;

        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    const RAW: [u8; 32] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
                             \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\xff";

    #[test]
    fn the_same_key_in_any_form_is_the_same_wrapper() {
        let hex: String = RAW.iter().map(|byte| format!("{byte:02x}")).collect();
        let one = LocalKey::from_file(file(&RAW, 0o400).path()).unwrap();
        assert!(one.id().starts_with("local:"));
        for text in [
            hex.clone(),
            hex.to_uppercase() + "\n",
            Base64::encode_string(&RAW),
            Base64UrlUnpadded::encode_string(&RAW) + "\r\n",
        ] {
            let same = LocalKey::from_file(file(text.as_bytes(), 0o600).path()).unwrap();
            assert_eq!(same.id(), one.id());
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o420, 0o401] {
            let refused = LocalKey::from_file(file(&RAW, mode).path()).unwrap_err();
            assert!(matches!(refused, LocalKeyError::Permissions), "{mode:o}");
        }
        let folder = LocalKey::from_file("/").unwrap_err();
        assert!(matches!(folder, LocalKeyError::Permissions));
        let missing = LocalKey::from_file("/nowhere/key").unwrap_err();
        assert!(matches!(missing, LocalKeyError::Io(_)));
    }

    #[test]
    fn a_link_is_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("key");
        let (good, open) = (file(&RAW, 0o400), file(&RAW, 0o444));
        std::os::unix::fs::symlink(good.path(), &link).unwrap();
        assert_eq!(
            LocalKey::from_file(&link).unwrap().id(),
            LocalKey::from_file(good.path()).unwrap().id()
        );
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(open.path(), &link).unwrap();
        let refused = LocalKey::from_file(&link).unwrap_err();
        assert!(matches!(refused, LocalKeyError::Permissions));
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("key");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let refused = LocalKey::from_file(&pipe).unwrap_err();
        assert!(matches!(refused, LocalKeyError::Permissions));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in
            [&b""[..], &[0; 32], &[1; 31], &[1; 33], &[b'z'; 64], &[b'='; 44], &RAW.repeat(40)]
        {
            let refused = LocalKey::from_file(file(bad, 0o400).path()).unwrap_err();
            assert!(matches!(refused, LocalKeyError::Form));
        }
        assert!(matches!(LocalKey::from_env("NO_SUCH_KEY"), Err(LocalKeyError::NotSet)));
    }
}
