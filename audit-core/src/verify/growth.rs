//! A bounded, evenly spread sample of a chain's growth.

use super::report::GrowthPoint;
use crate::Timestamp;

/// The most points a sample has, but for the last entry's.
const MAX_POINTS: usize = 512;

/// Points at multiples of a stride that doubles whenever there are too many.
#[derive(Debug)]
pub(crate) struct Growth {
    stride: u64,
    points: Vec<GrowthPoint>,
    last: Option<GrowthPoint>,
}

impl Growth {
    pub(crate) const fn new() -> Self {
        Self { stride: 1, points: Vec::new(), last: None }
    }

    pub(crate) fn push(&mut self, seq: u64, at: Timestamp) {
        let point = GrowthPoint { seq, at };
        self.last = Some(point);
        // The stride is a power of two.
        if seq & self.stride.wrapping_sub(1) != 0 {
            return;
        }
        self.points.push(point);
        if self.points.len() > MAX_POINTS {
            self.stride = self.stride.saturating_mul(2);
            let mask = self.stride.wrapping_sub(1);
            self.points.retain(|point| point.seq & mask == 0);
        }
    }

    pub(crate) fn finish(mut self) -> Vec<GrowthPoint> {
        if self.points.last() != self.last.as_ref() {
            self.points.extend(self.last);
        }
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_bounded_and_ends_with_the_last() {
        let mut growth = Growth::new();
        for seq in 0..100_001_i64 {
            let at = Timestamp::from_micros(seq).unwrap();
            growth.push(u64::try_from(seq).unwrap(), at);
        }
        let points = growth.finish();
        assert!((MAX_POINTS / 2..=MAX_POINTS + 1).contains(&points.len()));
        assert_eq!((points[0].seq, points[points.len() - 1].seq), (0, 100_000));
        assert_eq!(points[1].seq, points[2].seq - points[1].seq);
    }
}
