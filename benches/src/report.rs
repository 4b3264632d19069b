//! The table that a run prints.

use crate::contest::{Contest, median};

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Figure {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Shown, and nothing more.
    Shown,
}

/// Lines of the table, printed as they come and all together at the end.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<String>,
}

impl Report {
    /// One line: the subject against the floor of the same rounds.
    pub fn ratio(
        &mut self,
        what: &str,
        contest: &Contest,
        subject: usize,
        floor: usize,
        figure: Figure,
    ) {
        let mut ratios = contest.ratios(subject, floor);
        let ratio = median(&ratios);
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios.first().unwrap_or(&ratio), ratios.last().unwrap_or(&ratio));
        let measured = format!(
            "{} a second against {} ({}); CPU {:.1} µs against {:.1} µs",
            count(contest.rate(subject)),
            count(contest.rate(floor)),
            contest.name(floor),
            contest.cpu(subject) * 1e6,
            contest.cpu(floor) * 1e6
        );
        self.line(
            what,
            &measured,
            &format!("{ratio:.2} ({low:.2} to {high:.2})"),
            ratio,
            figure,
            "×",
        );
    }

    /// One line: a value with a bound of its own.
    pub fn value(&mut self, what: &str, measured: &str, value: f64, unit: &str, figure: Figure) {
        self.line(what, measured, &format!("{value:.2} {unit}"), value, figure, unit);
    }

    /// One line whose value is a rate.
    pub fn rate(&mut self, what: &str, measured: &str, rate: f64, figure: Figure) {
        let text = format!("{} a second", count(rate));
        self.line(what, measured, &text, rate, figure, "a second");
    }

    fn line(
        &mut self,
        what: &str,
        measured: &str,
        text: &str,
        value: f64,
        figure: Figure,
        unit: &str,
    ) {
        let (target, met) = match figure {
            Figure::AtLeast(least) => (format!("≥ {}", bound(least, unit)), value >= least),
            Figure::AtMost(most) => (format!("≤ {}", bound(most, unit)), value <= most),
            Figure::Shown => ("".to_owned(), true),
        };
        let mark = match (figure, met) {
            (Figure::Shown, _) => "",
            (_, true) => "reached",
            (_, false) => "**missed**",
        };
        let line = format!("| {what} | {measured} | {text} | {target} | {mark} |");
        eprintln!("{line}");
        self.lines.push(line);
    }

    /// Prints the table.
    pub fn print(&self, title: &str) {
        println!("\n### {title}\n");
        println!("| what | measured (medians) | result (range of the rounds) | target | |");
        println!("|---|---|---|---|---|");
        for line in &self.lines {
            println!("{line}");
        }
    }
}

fn bound(bound: f64, unit: &str) -> String {
    match unit {
        "×" => format!("{bound}×"),
        "a second" => format!("{} a second", count(bound)),
        unit => format!("{bound} {unit}"),
    }
}

/// A rate in words short enough for a table.
fn count(rate: f64) -> String {
    if rate >= 1e6 {
        format!("{:.2} M", rate / 1e6)
    } else if rate >= 1e4 {
        format!("{:.1} k", rate / 1e3)
    } else {
        format!("{rate:.0}")
    }
}
