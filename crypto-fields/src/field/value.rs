//! The types that a field may have.

use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::secret::SecretBytes;

/// A value of a field, and its one form in bytes.
pub trait FieldValue: Sized {
    /// Whether the bytes are always UTF-8, so that plaintext can be told from ciphertext.
    const IS_TEXT: bool;

    /// Hands the bytes out. A form that is made for it is wiped afterwards.
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;

    /// Reads the bytes; `None` if they are of no such value.
    fn from_bytes(bytes: SecretBytes) -> Option<Self>;
}

impl FieldValue for String {
    const IS_TEXT: bool = true;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.as_bytes())
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        bytes.into_string().ok()
    }
}

impl FieldValue for Vec<u8> {
    const IS_TEXT: bool = false;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self)
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        Some(bytes.into_vec())
    }
}

/// For who wants the opened value wiped.
impl FieldValue for SecretBytes {
    const IS_TEXT: bool = false;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self)
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        Some(bytes)
    }
}

/// One byte, 0 or 1.
impl FieldValue for bool {
    const IS_TEXT: Self = false;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&[u8::from(*self)])
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        match *bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl FieldValue for Uuid {
    const IS_TEXT: bool = false;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.as_bytes())
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        Self::from_slice(&bytes).ok()
    }
}

/// As JSON text; numbers as serde_json writes them.
impl FieldValue for serde_json::Value {
    const IS_TEXT: bool = true;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let text = Zeroizing::new(self.to_string());
        f(text.as_bytes())
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        serde_json::from_slice(&bytes).ok()
    }
}

/// Big-endian, at full length: a small number has as many bytes as a large one.
macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl FieldValue for $number {
            const IS_TEXT: bool = false;

            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                let mut bytes = self.to_be_bytes();
                let result = f(&bytes);
                bytes.zeroize();
                result
            }

            fn from_bytes(bytes: SecretBytes) -> Option<Self> {
                (*bytes).try_into().ok().map(Self::from_be_bytes)
            }
        }
    )*};
}
numbers!(i16, i32, i64, u16, u32, u64, f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn round<T: FieldValue + PartialEq + std::fmt::Debug>(value: T, bytes: &[u8]) {
        value.with_bytes(|made| assert_eq!(made, bytes));
        assert_eq!(T::from_bytes(SecretBytes::new(bytes.to_vec())), Some(value));
    }

    #[test]
    fn values_have_one_form() {
        round("é".to_owned(), "é".as_bytes());
        round(vec![0xff], &[0xff]);
        round(true, &[1]);
        round(-2_i64, &[255, 255, 255, 255, 255, 255, 255, 254]);
        round(1.5_f64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        round(Uuid::max(), &[0xff; 16]);
        round(serde_json::json!({"a": [1]}), br#"{"a":[1]}"#);
        assert_eq!(i64::from_bytes(SecretBytes::new(vec![0; 4])), None);
        assert_eq!(bool::from_bytes(SecretBytes::new(vec![2])), None);
        assert_eq!(String::from_bytes(SecretBytes::new(vec![0xff])), None);
    }
}
