//! ISO/IEC 7816-4: 0x80, then zeros, up to a multiple of 32 bytes.

use crate::ciphertext::PADDING;

/// What padding begins with.
pub(super) const MARK: u8 = 0x80;

/// The length with padding; `None` if there is no such length.
pub(super) fn padded_len(len: usize, padded: bool) -> Option<usize> {
    if padded { len.checked_add(1)?.checked_next_multiple_of(PADDING) } else { Some(len) }
}

/// Pads what `out` holds from `start` on.
pub(super) fn pad(out: &mut Vec<u8>, start: usize) {
    let len = out.len().saturating_sub(start);
    let padded = padded_len(len, true).unwrap_or(len);
    out.push(MARK);
    out.resize(start.saturating_add(padded), 0);
}

/// Takes the padding off; `None` if there is none.
pub(super) fn unpad(value: &mut Vec<u8>) -> Option<()> {
    let last = value.iter().rposition(|byte| *byte != 0)?;
    let sound = value.get(last) == Some(&MARK) && padded_len(last, true) == Some(value.len());
    value.truncate(last);
    sound.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_comes_off_as_it_went_on() {
        for len in 0..200 {
            // Values that end like padding do.
            for end in [0x00, 0x80, 0xff] {
                let value = vec![end; len];
                let mut padded = [&[1, 2, 3], &value[..]].concat();
                pad(&mut padded, 3);
                let mut body = padded.split_off(3);
                assert_eq!(padded, [1, 2, 3]);
                assert!(body.len() > len && body.len() - len <= 32);
                assert_eq!(body.len() % 32, 0);
                assert_eq!(Some(body.len()), padded_len(len, true));
                unpad(&mut body).unwrap();
                assert_eq!(body, value);
            }
        }
    }

    #[test]
    fn what_is_no_padding_is_refused() {
        for bad in [vec![], vec![0; 32], vec![1; 32], [&[0x80][..], &[0; 63]].concat()] {
            assert_eq!(unpad(&mut bad.clone()), None, "{bad:?}");
        }
    }
}
