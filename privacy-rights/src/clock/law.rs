//! The laws that are given.

use super::event::Question;
use super::period::Period;
use super::regime::{Duty, Regime};
use super::rule::{Caution, Effect, Rolling, Rule};

const AWARENESS: &str = "awareness of the breach";
const REQUEST: &str = "the request";

impl Regime {
    /// The General Data Protection Regulation (EU) 2016/679, with periods counted by Regulation
    /// (EEC, Euratom) 1182/71.
    ///
    /// An answer within one month, extended once to three, which stops while the controller waits
    /// for proof of identity or to hear what is meant; a breach is told to the authority within 72
    /// hours. For telling the persons the law has no number: add [`Duty::tell`] as promised.
    #[must_use]
    pub fn gdpr() -> Self {
        let guidelines = "EDPB Guidelines 01/2022, section 5.3";
        let answer = Rule::new(REQUEST, Period::Months(1), "GDPR Art. 12(3)")
            .counted_by("Regulation 1182/71 Art. 3(1) and (2)(c)")
            .rolling(Rolling::TwoWorkingDays { basis: "Regulation 1182/71 Art. 3(4)".into() })
            .extendable_to(Period::Months(3), "GDPR Art. 12(3), second sentence")
            .interrupted_by(
                Question::Identity,
                Effect::Pauses,
                format!("GDPR Art. 12(6); {guidelines}"),
            )
            .interrupted_by(
                Question::Scope,
                Effect::Pauses,
                format!("GDPR recital 63; {guidelines}"),
            )
            .alarm(Caution::Chained);
        Self::new("GDPR")
            .with(Duty::ANSWER, answer)
            .with(Duty::TELL_AUTHORITY, breach("GDPR Art. 33(1)"))
    }

    /// The UK GDPR with the Data (Use and Access) Act 2025.
    ///
    /// The month runs from the latest of the request, the proof of identity and the fee; the time
    /// until it is clear what is meant is not counted.
    #[must_use]
    pub fn uk_gdpr() -> Self {
        let answer = Rule::new(REQUEST, Period::Months(1), "UK GDPR Art. 12A(1)")
            .counted_by("ICO guidance on the right of access, time limits")
            .rolling(Rolling::NextWorkingDay {
                basis: "ICO guidance on the right of access, time limits".into(),
            })
            .extendable_to(Period::Months(3), "UK GDPR Art. 12A(3)")
            .interrupted_by(Question::Fee, Effect::Restarts, "UK GDPR Art. 12(5), 12A(2)")
            .interrupted_by(Question::Identity, Effect::Restarts, "UK GDPR Art. 12(6), 12A(2)")
            .interrupted_by(Question::Scope, Effect::Pauses, "UK GDPR Art. 12A(5) and (6)")
            .alarm(Caution::Chained);
        Self::new("UK GDPR")
            .with(Duty::ANSWER, answer)
            .with(Duty::TELL_AUTHORITY, breach("UK GDPR Art. 33(1)"))
    }

    /// The California Consumer Privacy Act with the regulations of its agency (11 CCR 7000 ff.).
    ///
    /// 45 calendar days, extended once to 90, whatever the time that verification takes; confirmed
    /// within 10 business days; opt-outs and limits within 15.
    #[must_use]
    pub fn ccpa() -> Self {
        let answer = Rule::new(REQUEST, Period::Days(45), "Cal. Civ. Code 1798.130(a)(2)(A)")
            .counted_by("11 CCR 7021(b)")
            .extendable_to(Period::Days(90), "Cal. Civ. Code 1798.130(a)(2)(A); 11 CCR 7021(b)")
            .alarm(Caution::DayOne);
        let within = |days: u16, basis: &str| Rule::new(REQUEST, Period::WorkingDays(days), basis);
        Self::new("CCPA")
            .with(Duty::ANSWER, answer)
            .with(Duty::CONFIRM, within(10, "11 CCR 7021(a)"))
            .with(Duty::LIMIT, within(15, "11 CCR 7027(g)(1)"))
            .with(Duty::OPT_OUT, within(15, "11 CCR 7026(f)(1)"))
    }
}

/// 72 elapsed hours, with warnings on the way.
fn breach(basis: &str) -> Rule {
    Rule::new(AWARENESS, Period::Hours(72), basis).warning_after([24, 48, 60, 72])
}
