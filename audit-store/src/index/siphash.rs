//! SipHash-2-4 (Aumasson and Bernstein, 2012) under the key zero: a short hash that is fast on
//! short terms and the same in every language. It protects nothing and has no secret.

/// A running hash.
#[derive(Debug, Clone)]
pub(crate) struct SipHash24 {
    v: [u64; 4],
    /// Bytes that do not fill a word yet, at its top.
    pending: u64,
    length: u64,
}

impl SipHash24 {
    pub(crate) const fn new() -> Self {
        Self::with_key(0, 0)
    }

    const fn with_key(k0: u64, k1: u64) -> Self {
        Self {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            pending: 0,
            length: 0,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.length.is_multiple_of(8) {
            let Some((byte, after)) = rest.split_first() else { return };
            self.byte(*byte);
            rest = after;
        }
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
            self.length = self.length.wrapping_add(8);
        }
        for byte in tail {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        // Every byte comes in at the top; after eight, the first one is at the bottom.
        self.pending = (self.pending >> 8) | (u64::from(byte) << 56);
        self.length = self.length.wrapping_add(1);
        if self.length.is_multiple_of(8) {
            let word = core::mem::take(&mut self.pending);
            self.word(word);
        }
    }

    const fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }

    pub(crate) fn finish(mut self) -> u64 {
        // Zeros up to the last byte, which is the length.
        let mut tail = self.pending;
        for _ in self.length % 8..8 {
            tail >>= 8;
        }
        let last = tail | (self.length << 56);
        self.word(last);
        self.v[2] ^= 0xff;
        for _ in 0..4 {
            self.round();
        }
        let [a, b, c, d] = self.v;
        a ^ b ^ c ^ d
    }

    const fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::SipHash24;

    /// The key and the first, the ninth and the sixteenth message of the reference vectors
    /// (key 00..0f, message i = 00..i-1), and the one of the paper's appendix A (15 bytes).
    #[test]
    fn published_vectors() {
        let key = |from: u8| {
            u64::from_le_bytes(core::array::from_fn(|i| from + u8::try_from(i).unwrap()))
        };
        for (length, expected) in [
            (0_u8, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ] {
            let message: Vec<u8> = (0..length).collect();
            for cut in 0..=message.len() {
                let mut hasher = SipHash24::with_key(key(0), key(8));
                hasher.write(&message[..cut]);
                hasher.write(&message[cut..]);
                assert_eq!(hasher.finish(), expected, "{length} bytes, cut at {cut}");
            }
        }
    }
}
