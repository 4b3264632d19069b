//! The key of the subject directory: with it the directory holds no id of the host's.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::append::AppendError;

/// What a pseudonym is computed from begins with this, and what the key is recognised by with that,
/// so that the two never meet.
const SUBJECT: &[u8] = b"audit-store/directory/1/subject\0";
const CHECK: &[u8] = b"audit-store/directory/1/check\0";

/// The secret under which the directory of data subjects keeps the host's ids: as HMAC-SHA-256 of
/// tenant and id, in hexadecimal digits, and never the ids themselves.
///
/// Who has the database and not the key can neither read an id nor find out by trying all ids whose
/// pseudonym a person has; nor tell that the same id occurs at two tenants. Who has both can try. The
/// key opens nothing else: no private field is sealed under it.
///
/// Keep it as long as the journal and as carefully as the keys of the private fields, but not in the
/// database: without it nobody is found in the directory any more, neither to append under the
/// pseudonym they have nor to be erased. It cannot be changed, since the ids that it was used for are
/// not there to be put under another.
#[derive(Clone)]
pub struct DirectoryKey(Arc<Zeroizing<[u8; 32]>>);

impl DirectoryKey {
    /// Of 32 bytes that are uniformly random: no password, no text.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    fn mac(&self, domain: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of every length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&**self.0).ok()?;
        mac.update(domain);
        Some(mac)
    }

    /// What stands in the directory in the place of a host's id.
    fn pseudonym(&self, tenant: &str, host: &str) -> Option<String> {
        let mut mac = self.mac(SUBJECT)?;
        // With the length in front no two pairs are the same bytes.
        mac.update(&u64::try_from(tenant.len()).ok()?.to_be_bytes());
        mac.update(tenant.as_bytes());
        mac.update(host.as_bytes());
        Some(base16ct::lower::encode_string(&mac.finalize().into_bytes()))
    }

    /// What the key is recognised by.
    pub(crate) fn check_value(&self) -> Vec<u8> {
        self.mac(CHECK).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    }
}

impl fmt::Debug for DirectoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirectoryKey(..)")
    }
}

#[cfg(feature = "crypto-fields")]
impl From<&crypto_fields::SecretKey> for DirectoryKey {
    /// A key that a keyset of `crypto-fields` has brought along; use it for nothing else.
    fn from(key: &crypto_fields::SecretKey) -> Self {
        Self::new(*key.expose())
    }
}

/// How the directory of an open journal is kept.
#[derive(Clone, Debug)]
pub(crate) enum Directory {
    /// Under a key that the handle has not been given; it only reads.
    Closed,
    Keyed(DirectoryKey),
    /// With the host's own ids.
    Plain,
}

impl Directory {
    /// What stands in the directory for a host's id.
    pub(crate) fn column(&self, tenant: &str, host: &str) -> Result<String, AppendError> {
        match self {
            Self::Closed => Err(AppendError::DirectoryClosed),
            Self::Keyed(key) => key.pseudonym(tenant, host).ok_or(AppendError::DirectoryClosed),
            Self::Plain => Ok(host.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_hmac_sha_256_of_tenant_and_id() {
        // Computed with Python's hmac module:
        // hmac.new(bytes(range(32)), b"audit-store/directory/1/subject\0" + (4).to_bytes(8, "big")
        //   + b"acme" + b"person-1", "sha256").hexdigest()
        let key = DirectoryKey::new(std::array::from_fn(|n| u8::try_from(n).unwrap()));
        assert_eq!(key.pseudonym("acme", "person-1").unwrap(), EXPECTED);
        assert_eq!(base16ct::lower::encode_string(&key.check_value()), EXPECTED_CHECK);
        let all =
            [("acme", "person-1"), ("acm", "eperson-1"), ("acme-2", "person-1"), ("acme", "")];
        let all = all.map(|(tenant, host)| key.pseudonym(tenant, host).unwrap());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(format!("{key:?}"), "DirectoryKey(..)");
    }

    const EXPECTED: &str = "e055eab36d0dfb355f07b69dc37ce56ececee4cd8d434fecff9f371f5696dd62";
    const EXPECTED_CHECK: &str = "0f42cc865d5ecb27570a5e333ab0b81e7dc7dabc66b702ff752d5c6bd7d2ec35";
}
