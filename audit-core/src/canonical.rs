//! RFC 8785 (JCS) bytes of JSON values, and the refusals that keep them exact.
//!
//! What makes a text canonical is decided in one place for both directions: the functions here
//! write it, and [`reader`] accepts exactly what they would have written.
//!
//! Escaping is `serde_json`'s, whose form is the one RFC 8785 prescribes (section 3.2.2.2); doubles
//! are formatted by `serde_json_canonicalizer`. Ours is only the order of members and the guard
//! against numbers that RFC 8785 would round silently.

pub(crate) mod defect;
pub(crate) mod reader;
pub(crate) mod strict;

use std::cmp::Ordering;

use serde_json::{Map, Value};

use defect::{Defect, Located};

/// How deep objects and arrays may nest, the document's own outermost one included.
pub const MAX_DEPTH: usize = 64;

/// The longest id or field name, in bytes.
pub const MAX_NAME: usize = 256;

/// The greatest integer that a double, hence RFC 8785, carries exactly with all its neighbours:
/// 2^53 − 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Room for the decimal digits of any `u64`.
pub(crate) type Digits = [u8; 20];

/// The decimal form of `n`. Entries carry two such numbers each, hence no `fmt` machinery.
pub(crate) fn decimal(mut n: u64, digits: &mut Digits) -> &str {
    let mut start = digits.len();
    for slot in digits.iter_mut().rev() {
        // ASCII digits are 0x30..=0x39, so `|` adds; a remainder by ten always fits.
        *slot = b'0' | u8::try_from(n % 10).unwrap_or(0);
        start = start.saturating_sub(1);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    digits.get(start..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
}

pub(crate) fn push_u64(out: &mut String, n: u64) {
    out.push_str(decimal(n, &mut [0; 20]));
}

/// Whether `text` stands in JSON as it is, between quotation marks.
pub(crate) fn is_plain(text: &str) -> bool {
    // No early exit: the whole loop becomes a few vector instructions.
    text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\'))
}

/// The quoted form of a string that is not plain.
pub(crate) fn escaped(text: &str) -> Result<String, Defect> {
    if text.contains('\0') {
        return Err(Defect::Nul);
    }
    // Writing a string into memory cannot fail; if it did, this would be the nearest truth.
    serde_json::to_string(text).map_err(|_| Defect::Unserializable)
}

pub(crate) fn push_string(out: &mut String, text: &str) -> Result<(), Defect> {
    if is_plain(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&escaped(text)?);
    }
    Ok(())
}

/// An integer that every reader of doubles sees as it was written.
pub(crate) const fn exact(magnitude: u64) -> Result<u64, Defect> {
    if magnitude <= MAX_INTEGER { Ok(magnitude) } else { Err(Defect::Inexact) }
}

/// The canonical form of a double (RFC 8785 section 3.2.2.3).
pub(crate) fn double(number: f64) -> Result<String, Defect> {
    if !number.is_finite() {
        return Err(Defect::NotFinite);
    }
    let text = serde_json_canonicalizer::to_string(&number).map_err(|_| Defect::Unserializable)?;
    // What reads as an integer is held to the integers' bound: 1e20 is written with 21 digits.
    let integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if integer && number.abs() > 9_007_199_254_740_991.0 {
        return Err(Defect::Inexact);
    }
    Ok(text)
}

/// The order of members: by UTF-16 code units (RFC 8785 section 3.2.3).
pub(crate) fn key_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.as_bytes().cmp(b.as_bytes())
    } else {
        // Differs from the order of bytes where U+E000..=U+FFFF meets what needs surrogates.
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

/// Refuses names above the limit without repeating them.
pub(crate) const fn name_length(name: &str) -> Result<(), Defect> {
    if name.len() > MAX_NAME {
        return Err(Defect::TooLong { bytes: name.len(), limit: MAX_NAME });
    }
    Ok(())
}

/// Appends the canonical form of any JSON. `depth` counts the containers around it.
pub(crate) fn push_value(out: &mut String, value: &Value, depth: usize) -> Result<(), Located> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number)?,
        Value::String(text) => push_string(out, text)?,
        Value::Array(items) => {
            let depth = deeper(depth)?;
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_value(out, item, depth).map_err(|error| error.within(index))?;
            }
            out.push(']');
        }
        Value::Object(members) => push_object(out, members, depth)?,
    }
    Ok(())
}

fn push_number(out: &mut String, number: &serde_json::Number) -> Result<(), Defect> {
    if let Some(integer) = number.as_u64() {
        push_u64(out, exact(integer)?);
    } else if let Some(integer) = number.as_i64() {
        out.push('-');
        push_u64(out, exact(integer.unsigned_abs())?);
    } else {
        // Under serde_json's `arbitrary_precision` a number may be beyond every double.
        out.push_str(&double(number.as_f64().ok_or(Defect::NotFinite)?)?);
    }
    Ok(())
}

/// Appends the canonical form of an object. `depth` counts the containers around it.
pub(crate) fn push_object(
    out: &mut String,
    members: &Map<String, Value>,
    depth: usize,
) -> Result<(), Located> {
    let depth = deeper(depth)?;
    // serde_json's map is ordered by bytes, or by insertion where the host turned on
    // `preserve_order`; mostly that is the canonical order already.
    if members.keys().is_sorted_by(|a, b| key_order(a, b).is_lt()) {
        return push_members(out, members.iter(), depth);
    }
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| key_order(a, b));
    push_members(out, sorted.into_iter(), depth)
}

fn push_members<'a>(
    out: &mut String,
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    depth: usize,
) -> Result<(), Located> {
    let mut before = '{';
    for (name, value) in members {
        out.push(before);
        name_length(name)?;
        push_string(out, name)?;
        out.push(':');
        push_value(out, value, depth).map_err(|error| error.within(name))?;
        before = ',';
    }
    if before == '{' {
        out.push(before);
    }
    out.push('}');
    Ok(())
}

pub(crate) const fn deeper(depth: usize) -> Result<usize, Defect> {
    if depth >= MAX_DEPTH {
        return Err(Defect::TooDeep { limit: MAX_DEPTH });
    }
    Ok(depth.saturating_add(1))
}

#[cfg(test)]
pub(crate) mod tests;
