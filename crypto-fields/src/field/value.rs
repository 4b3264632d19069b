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

    /// Whether the value can be read again from its bytes. What cannot is not sealed.
    fn is_readable(&self) -> bool {
        true
    }
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

/// As JSON text; numbers as serde_json writes them. Nested at most 127 deep, which is what
/// serde_json reads.
impl FieldValue for serde_json::Value {
    const IS_TEXT: bool = true;

    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        let text = Zeroizing::new(self.to_string());
        f(text.as_bytes())
    }

    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        serde_json::from_slice(&bytes).ok()
    }

    fn is_readable(&self) -> bool {
        is_nested_within(self, MAX_NESTED)
    }
}

const MAX_NESTED: usize = 127;

fn is_nested_within(value: &serde_json::Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return !value.is_array() && !value.is_object();
    };
    match value {
        serde_json::Value::Array(values) => values.iter().all(|it| is_nested_within(it, below)),
        serde_json::Value::Object(members) => {
            members.values().all(|it| is_nested_within(it, below))
        }
        _ => true,
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
    fn json_that_could_not_be_read_again_is_told() {
        let nested = |depth| {
            (0..depth).fold(serde_json::json!(1.7976931348623157e308), |inner, at| match at % 2 {
                0 => serde_json::json!([inner]),
                _ => serde_json::json!({"a": inner}),
            })
        };
        for depth in [0, 1, 126, 127, 128, 129, 400] {
            let value = nested(depth);
            let bytes = value.with_bytes(|bytes| SecretBytes::new(bytes.to_vec()));
            let read = serde_json::Value::from_bytes(bytes);
            assert_eq!(read.is_some(), depth <= MAX_NESTED, "{depth}");
            assert_eq!(value.is_readable(), depth <= MAX_NESTED, "{depth}");
            assert!(read.is_none_or(|read| read == value));
        }
    }

    #[test]
    fn json_numbers_are_read_as_they_were() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let number = serde_json::json!(f64::from_bits(bits));
            let bytes = number.with_bytes(|bytes| SecretBytes::new(bytes.to_vec()));
            assert_eq!(serde_json::Value::from_bytes(bytes), Some(number));
        }
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
