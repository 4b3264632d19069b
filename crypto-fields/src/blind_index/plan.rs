//! How many bits of the hash to keep: enough to find few rows, too few to recognise a value.

/// Fewest different values of a field that is indexed.
pub const MIN_CARDINALITY: u64 = 256;

/// Bits of an index that is to be unique.
const UNIQUE: u8 = 128;

/// How many bits of the hash an index keeps.
///
/// A field of unique values (an e-mail address of an account) takes [`UNIQUE`](Self::UNIQUE). Any
/// other takes what [`planned`](Self::planned) gives, so that each stored index belongs to at least
/// two expected rows and whoever reads it cannot say which value it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexWidth(
    // INVARIANT: 1..=UNIQUE.
    u8,
);

/// What is known about a column, to plan its index by.
///
/// Say of `rows` and `distinct` what will be true for the years that the index lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnShape {
    rows: u64,
    distinct: u64,
    other_bits: u32,
}

impl ColumnShape {
    /// A column of so many rows with so many different values, all about as frequent.
    #[must_use]
    pub const fn new(rows: u64, distinct: u64) -> Self {
        Self { rows, distinct, other_bits: 0 }
    }

    /// Beside this index the same rows have others that together tell so many bits: of each
    /// its width, or the bits of its field's number of values if those are fewer.
    #[must_use]
    pub const fn beside(mut self, bits: u32) -> Self {
        self.other_bits = bits;
        self
    }
}

/// Why a column cannot be indexed without telling too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Fewer than [`MIN_CARDINALITY`] different values, or fewer than the square root of the rows:
    /// a boolean, an enumeration, a country. The index would be the value under another name, and
    /// read off its frequency. Filter after opening instead.
    #[error("the column has too few different values for a blind index")]
    LowCardinality,
    /// So few rows (or so much told by the other indexes) that no width leaves two rows to an
    /// index. Open all of them instead.
    #[error("no width of the index leaves two rows to each of its values")]
    TooFewRows,
}

impl IndexWidth {
    /// 128 bits: for values that are unique anyway, and a UNIQUE constraint on the index.
    pub const UNIQUE: Self = Self(UNIQUE);

    /// The widest index for which the expected number of rows per index,
    /// `C = R / 2^(sum of min(L, K) over the indexes)`, keeps `2 <= C < sqrt(R)`, where `R` are the
    /// rows, `L` an index's bits and `K` the bits of the number of different values.
    ///
    /// # Errors
    ///
    /// [`PlanError::LowCardinality`], [`PlanError::TooFewRows`].
    pub fn planned(column: ColumnShape) -> Result<Self, PlanError> {
        let ColumnShape { rows, distinct, other_bits } = column;
        if distinct < MIN_CARDINALITY {
            return Err(PlanError::LowCardinality);
        }
        // The most bits that leave two rows: floor(log2(R / 2)) in all.
        let all = rows.checked_div(2).and_then(u64::checked_ilog2).ok_or(PlanError::TooFewRows)?;
        let bits = all.checked_sub(other_bits).ok_or(PlanError::TooFewRows)?;
        let width = u8::try_from(bits).ok().filter(|bits| (1..=UNIQUE).contains(bits));
        let width = width.ok_or(PlanError::TooFewRows)?;
        // A field of fewer values tells no more than these; rounded down, which counts more rows.
        let told = std::cmp::min(bits, distinct.ilog2()).saturating_add(other_bits);
        if !leaves_less_than_the_root(rows, told) {
            return Err(PlanError::LowCardinality);
        }
        Ok(Self(width))
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// Whether `R / 2^told < sqrt(R)`, which is `R < 2^(2 told)`.
fn leaves_less_than_the_root(rows: u64, told: u32) -> bool {
    1_u128.checked_shl(told.saturating_mul(2)).is_none_or(|square| u128::from(rows) < square)
}
