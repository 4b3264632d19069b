//! From events to a deadline.

use std::time::Duration;

use audit_core::Timestamp;
use chrono::{Days, NaiveDate};

use super::due::{Deadline, Due, Ground, Place};
use super::error::ClockError;
use super::event::{ClockEvent, Question};
use super::period::Period;
use super::rule::{Caution, Effect, Interruption, Rolling, Rule};

/// Something was asked, and perhaps answered.
#[derive(Clone, Copy)]
struct Asked {
    question: Question,
    at: Timestamp,
    answered: Option<Timestamp>,
}

/// A clock whose events do not contradict each other.
pub(super) struct Span<'a> {
    rule: &'a Rule,
    place: &'a Place,
    started: Timestamp,
    /// By the time of asking.
    asked: Vec<Asked>,
    /// When the extension was announced.
    extended: Option<Timestamp>,
}

impl<'a> Span<'a> {
    pub(super) fn of(
        rule: &'a Rule,
        place: &'a Place,
        events: &[ClockEvent],
    ) -> Result<Self, ClockError> {
        let mut events: Vec<&ClockEvent> = events.iter().collect();
        events.sort_by_key(|event| (event.at(), rank(event)));
        let mut started = None;
        for event in &events {
            if let ClockEvent::Started { at } = event
                && started.replace(*at).is_some()
            {
                return Err(ClockError::StartedTwice { at: *at });
            }
        }
        let started = started.ok_or(ClockError::NotStarted)?;
        let mut span = Self { rule, place, started, asked: Vec::new(), extended: None };
        for event in events {
            if event.at() < started {
                return Err(ClockError::BeforeStart { at: event.at(), started });
            }
            span.add(event)?;
        }
        Ok(span)
    }

    fn add(&mut self, event: &ClockEvent) -> Result<(), ClockError> {
        let open =
            |asked: &&mut Asked, question| asked.question == question && asked.answered.is_none();
        match *event {
            ClockEvent::Started { .. } => {}
            ClockEvent::Asked { at, question } => {
                if self.asked.iter_mut().any(|asked| open(&asked, question)) {
                    return Err(ClockError::AskedTwice { question, at });
                }
                self.asked.push(Asked { question, at, answered: None });
            }
            ClockEvent::Answered { at, question } => {
                let asked = self.asked.iter_mut().find(|asked| open(asked, question));
                asked.ok_or(ClockError::AnsweredUnasked { question, at })?.answered = Some(at);
            }
            ClockEvent::Extended { at, ref reason } => {
                if self.rule.extension.is_none() {
                    return Err(ClockError::NotExtendable);
                }
                if reason.trim().is_empty() {
                    return Err(ClockError::ReasonMissing { at });
                }
                if self.extended.replace(at).is_some() {
                    return Err(ClockError::ExtendedTwice { at });
                }
            }
        }
        Ok(())
    }

    pub(super) fn due(&self) -> Result<Due, ClockError> {
        if let Period::Hours(hours) = self.rule.period {
            return self.due_by_the_hour(hours);
        }
        let first = self.run(self.rule.period)?;
        let Some((announced, extension)) = self.extended.zip(self.rule.extension.as_ref()) else {
            let mut due = self.answer(first, None)?;
            if let Due::By(deadline) = &mut due {
                deadline.extendable_until = self.rule.extension.as_ref().map(|_| deadline.ends);
            }
            return Ok(due);
        };
        // While the first period stands still it is not over.
        if first.open.is_none() {
            let last_day = self.end(&first)?.last_day;
            let announced = self.place.day(announced);
            if announced > last_day {
                return Err(ClockError::TooLateToExtend { announced, last_day });
            }
        }
        self.answer(self.run(extension.total)?, Some((announced, &extension.basis)))
    }

    /// Hours run in UTC and know no calendar.
    fn due_by_the_hour(&self, hours: u16) -> Result<Due, ClockError> {
        let after = |hours: u16| {
            let seconds = u64::from(hours).saturating_mul(3600);
            self.started.saturating_add(Duration::from_secs(seconds))
        };
        let (mut period, mut total) = (self.rule.period, hours);
        let first = after(hours);
        let mut grounds = vec![self.the_start()];
        if let Some((announced, extension)) = self.extended.zip(self.rule.extension.as_ref()) {
            if announced >= first {
                return Err(ClockError::TooLateToExtend {
                    announced: self.place.day(announced),
                    last_day: self.place.day(first),
                });
            }
            if let Period::Hours(hours) = extension.total {
                (period, total) = (extension.total, hours);
            }
            grounds.push(self.extended_on(announced, &extension.basis));
        }
        let ends = after(total);
        grounds.push(ground(&self.rule.basis, format!("{period} after that: {ends}")));
        let last_day = self.place.day(ends);
        let open = self.rule.extension.is_some() && self.extended.is_none();
        Ok(Due::By(Deadline {
            last_day,
            ends,
            alarm: last_day,
            warnings: self.warnings(),
            extendable_until: open.then_some(first),
            grounds,
        }))
    }

    fn answer(&self, run: Run<'_>, extended: Option<(Timestamp, &str)>) -> Result<Due, ClockError> {
        let mut grounds = vec![self.the_start()];
        grounds.extend(extended.map(|(at, basis)| self.extended_on(at, basis)));
        if let Some((asked, _)) = run.open {
            let (since, question) = (self.place.day(asked.at), asked.question);
            grounds.extend(run.grounds);
            return Ok(Due::Paused { since, question, grounds });
        }
        let end = self.end(&run)?;
        let alarm = self.alarm(&run, end.unrolled)?;
        grounds.extend(run.grounds);
        grounds.extend(end.grounds);
        Ok(Due::By(Deadline {
            last_day: end.last_day,
            ends: self.place.end_of(end.last_day)?,
            alarm,
            warnings: self.warnings(),
            extendable_until: None,
            grounds,
        }))
    }

    /// Lets the clock run for that period, through whatever interrupts it.
    fn run(&self, period: Period) -> Result<Run<'_>, ClockError> {
        let mut run = Run::new(period, self.place.day(self.started));
        for asked in &self.asked {
            let Some(interruption) = self.rule.interruption(asked.question) else {
                let words = format!("asking for {} does not stop the period", asked.question);
                run.grounds.push(ground(&self.rule.basis, words));
                continue;
            };
            if run.open.is_none() {
                let last_day = self.end(&run)?.last_day;
                if self.place.day(asked.at) > last_day {
                    let words = format!(
                        "asking for {} after {last_day} changes nothing: the period was over",
                        asked.question
                    );
                    run.grounds.push(ground(&interruption.basis, words));
                    continue;
                }
            }
            self.interrupt(&mut run, *asked, interruption);
        }
        Ok(run)
    }

    fn interrupt<'r>(&self, run: &mut Run<'r>, asked: Asked, interruption: &'r Interruption) {
        let from = self.place.day(asked.at);
        let Some(answered) = asked.answered else {
            run.open.get_or_insert((asked, interruption));
            let words = format!("stands still since {from}, when {} was asked for", asked.question);
            run.grounds.push(ground(&interruption.basis, words));
            return;
        };
        let until = self.place.day(answered);
        let words = match interruption.effect {
            Effect::Pauses => {
                run.pauses.push((from, until));
                format!("stood still from {from} until {until}, for {}", asked.question)
            }
            Effect::Restarts => {
                run.start = std::cmp::max(run.start, until);
                format!("runs from {until} at the earliest, when {} came", asked.question)
            }
        };
        run.grounds.push(ground(&interruption.basis, words));
    }

    /// Where a run ends.
    fn end(&self, run: &Run<'_>) -> Result<End, ClockError> {
        let computed = self.add_period(run.start, run.period)?;
        let paused = run.paused_days();
        let unrolled = later(computed, paused)?;
        let mut words = format!("{} from {}: {computed}", run.period, run.start);
        if paused > 0 {
            words.push_str(&format!(", and {paused} days on which it stood still: {unrolled}"));
        }
        let basis = match &self.rule.extension {
            Some(extension) if extension.total == run.period => &extension.basis,
            _ => &self.rule.basis,
        };
        let mut grounds = vec![ground(basis, words)];
        let rolled = match &self.rule.rolling {
            Rolling::Never => unrolled,
            Rolling::NextWorkingDay { basis } => {
                self.roll(unrolled, unrolled, basis, &mut grounds)?
            }
            Rolling::TwoWorkingDays { basis } => {
                let mut least = unrolled;
                if run.period.is_two_days_or_more() {
                    least = std::cmp::max(least, self.working_days(run.start, 2)?);
                }
                self.roll(unrolled, least, basis, &mut grounds)?
            }
        };
        Ok(End { unrolled, last_day: rolled, grounds })
    }

    /// The first working day from `least` on.
    fn roll(
        &self,
        unrolled: NaiveDate,
        least: NaiveDate,
        basis: &str,
        grounds: &mut Vec<Ground>,
    ) -> Result<NaiveDate, ClockError> {
        let rolled = self.working_day_from(least)?;
        if rolled != unrolled {
            let calendar = self.place.calendar();
            let why = match calendar.holiday(unrolled) {
                Some(name) => format!("{unrolled} is {name}"),
                None if calendar.is_weekend(unrolled) => {
                    format!("{unrolled} is a {}", unrolled.format("%A"))
                }
                None => "fewer than two working days".to_owned(),
            };
            grounds.push(ground(basis, format!("{why}: the next working day is {rolled}")));
        }
        Ok(rolled)
    }

    /// The day by which a reader is done who takes every doubt against himself. Never after the
    /// unrolled one: what is clamped twice comes no later than what is clamped once.
    fn alarm(&self, run: &Run<'_>, unrolled: NaiveDate) -> Result<NaiveDate, ClockError> {
        Ok(match self.rule.caution {
            Caution::Unrolled => unrolled,
            Caution::DayOne => unrolled.pred_opt().ok_or(ClockError::OutOfRange)?,
            Caution::Chained => match run.period.beyond(self.rule.period) {
                None => unrolled,
                Some(rest) => {
                    let first = self.add_period(run.start, self.rule.period)?;
                    later(self.add_period(first, rest)?, run.paused_days())?
                }
            },
        })
    }

    fn add_period(&self, start: NaiveDate, period: Period) -> Result<NaiveDate, ClockError> {
        match period {
            Period::WorkingDays(days) => self.working_days(start, days),
            period => period.after(start).ok_or(ClockError::OutOfRange),
        }
    }

    /// The nth working day after `start`.
    fn working_days(&self, start: NaiveDate, count: u16) -> Result<NaiveDate, ClockError> {
        let mut day = start;
        for _ in 0..count {
            day = self.working_day_from(later(day, 1)?)?;
        }
        Ok(day)
    }

    fn working_day_from(&self, from: NaiveDate) -> Result<NaiveDate, ClockError> {
        let mut day = from;
        for _ in 0..=366 {
            if !self.place.calendar().is_rest_day(day) {
                return Ok(day);
            }
            day = later(day, 1)?;
        }
        Err(ClockError::NoWorkingDay { from })
    }

    fn warnings(&self) -> Vec<Timestamp> {
        let after = |hours: &u16| {
            let seconds = u64::from(*hours).saturating_mul(3600);
            self.started.saturating_add(Duration::from_secs(seconds))
        };
        let mut warnings: Vec<_> = self.rule.warnings.iter().map(after).collect();
        warnings.sort_unstable();
        warnings
    }

    fn the_start(&self) -> Ground {
        let day = self.place.day(self.started);
        let words = match self.rule.period {
            Period::Hours(_) => format!("runs from {} at {}", self.rule.trigger, self.started),
            _ => format!(
                "runs from {} on {day} in {}; that day is not counted",
                self.rule.trigger,
                self.place.zone().name()
            ),
        };
        ground(self.rule.counting.as_ref().unwrap_or(&self.rule.basis), words)
    }

    fn extended_on(&self, announced: Timestamp, basis: &str) -> Ground {
        let day = self.place.day(announced);
        ground(basis, format!("extended on {day}, with reasons, within the first period"))
    }
}

/// A clock that runs, or stands still.
struct Run<'r> {
    period: Period,
    /// The day that is not counted.
    start: NaiveDate,
    /// From a day until another, which is not of it.
    pauses: Vec<(NaiveDate, NaiveDate)>,
    open: Option<(Asked, &'r Interruption)>,
    grounds: Vec<Ground>,
}

impl Run<'_> {
    const fn new(period: Period, start: NaiveDate) -> Self {
        Self { period, start, pauses: Vec::new(), open: None, grounds: Vec::new() }
    }

    /// The days of all pauses since the start, each day once.
    fn paused_days(&self) -> u64 {
        let mut days = 0_u64;
        let mut counted = self.start;
        // By their first day: they were asked in this order.
        for (from, until) in &self.pauses {
            let from = std::cmp::max(*from, counted);
            days = days.saturating_add(days_between(from, *until).unwrap_or(0));
            counted = std::cmp::max(counted, *until);
        }
        days
    }
}

/// Where a run ends, before and after rolling.
struct End {
    unrolled: NaiveDate,
    last_day: NaiveDate,
    grounds: Vec<Ground>,
}

/// The order of events of one moment: whatever order they are given in, it is the same.
const fn rank(event: &ClockEvent) -> u8 {
    match event {
        ClockEvent::Started { .. } => 0,
        ClockEvent::Asked { .. } => 1,
        ClockEvent::Answered { .. } => 2,
        ClockEvent::Extended { .. } => 3,
    }
}

/// `None` if the second comes first.
fn days_between(from: NaiveDate, until: NaiveDate) -> Option<u64> {
    u64::try_from(until.signed_duration_since(from).num_days()).ok()
}

fn later(day: NaiveDate, days: u64) -> Result<NaiveDate, ClockError> {
    day.checked_add_days(Days::new(days)).ok_or(ClockError::OutOfRange)
}

fn ground(article: &str, words: String) -> Ground {
    Ground { article: article.to_owned(), words }
}
