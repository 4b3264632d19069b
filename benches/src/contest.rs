//! Several ways to do one thing, in turns, so that what else the machine does meets all of them.

use crate::meter::Spent;

/// Measurements of several contenders, round by round.
#[derive(Debug)]
pub struct Contest {
    names: Vec<&'static str>,
    rounds: usize,
    /// Seconds per operation of each contender, in the order of the rounds.
    costs: Vec<Vec<f64>>,
    /// The same on a processor.
    cpu: Vec<Vec<f64>>,
}

impl Contest {
    /// A contest of `rounds` counted rounds; one more goes ahead and is not counted.
    #[must_use]
    pub fn new(rounds: usize, names: &[&'static str]) -> Self {
        let none = vec![Vec::new(); names.len()];
        Self { names: names.to_vec(), rounds, costs: none.clone(), cpu: none }
    }

    /// Whose turn it is, again and again: each contender once per round, another one first in each.
    #[must_use]
    pub fn turns(&self) -> Vec<usize> {
        let count = self.names.len();
        (0..=self.rounds).flat_map(|round| (0..count).map(move |n| (round + n) % count)).collect()
    }

    /// Takes down one turn, and says so where `BENCH_TALK` is set.
    pub fn record(&mut self, contender: usize, operations: usize, spent: Spent) {
        if std::env::var_os("BENCH_TALK").is_some() {
            let rate =
                f64::from(u32::try_from(operations).expect("few")) / spent.wall.as_secs_f64();
            eprintln!("    {}: {rate:.0} a second", self.name(contender));
        }
        self.record_quietly(contender, operations, spent);
    }

    /// Takes down one turn.
    pub fn record_quietly(&mut self, contender: usize, operations: usize, spent: Spent) {
        let operations = f64::from(u32::try_from(operations).expect("few operations"));
        let of = |time: std::time::Duration| time.as_secs_f64() / operations;
        self.costs.get_mut(contender).expect("a contender").push(of(spent.wall));
        self.cpu.get_mut(contender).expect("a contender").push(of(spent.cpu));
    }

    /// The contender's name.
    #[must_use]
    pub fn name(&self, contender: usize) -> &'static str {
        self.names.get(contender).copied().unwrap_or_default()
    }

    /// The counted costs of a contender, in seconds per operation.
    #[must_use]
    pub fn costs(&self, contender: usize) -> Vec<f64> {
        self.costs
            .get(contender)
            .map(|costs| costs.iter().skip(1).copied().collect())
            .unwrap_or_default()
    }

    /// Seconds on a processor per operation, the mean of the rounds.
    #[must_use]
    pub fn cpu(&self, contender: usize) -> f64 {
        let Some((_, counted)) = self.cpu.get(contender).and_then(|all| all.split_first()) else {
            return f64::NAN;
        };
        counted.iter().sum::<f64>() / f64::from(u32::try_from(counted.len()).expect("few"))
    }

    /// Operations per second, the median of the rounds.
    #[must_use]
    pub fn rate(&self, contender: usize) -> f64 {
        1.0 / median(&self.costs(contender))
    }

    /// Of each round how many times faster the subject was than the floor.
    #[must_use]
    pub fn ratios(&self, subject: usize, floor: usize) -> Vec<f64> {
        let (subject, floor) = (self.costs(subject), self.costs(floor));
        subject.iter().zip(&floor).map(|(subject, floor)| floor / subject).collect()
    }
}

/// The value in the middle.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let middle = sorted.get(upper).copied().unwrap_or(f64::NAN);
    if sorted.len().is_multiple_of(2) {
        let lower = sorted.get(upper.saturating_sub(1)).copied().unwrap_or(f64::NAN);
        f64::midpoint(lower, middle)
    } else {
        middle
    }
}
