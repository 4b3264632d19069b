//! How far a rotation is.

/// How far the rotation of one column is, since it began: also over interruptions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that were written anew.
    pub done: u64,
    /// Rows that somebody else wrote at the same moment: looked at again in the next pass.
    pub skipped: u64,
    /// Rows that are in quarantine.
    pub failed: u64,
    /// Which pass over the table this is. The last one finds nothing to do.
    pub pass: u64,
    /// Whether the last pass is over: nothing in the column is under an old key, except in
    /// quarantine.
    pub finished: bool,
}
