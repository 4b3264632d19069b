//! What the filed report says, in the words and the order in which it says it.

use askama::Template;

/// One self-contained page: no script, no font, no image from anywhere else. Everything in it is
/// escaped by the template, except the chart, which escapes its own texts.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) generated: String,
    pub(crate) tool: String,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Vec<Fact>,
    pub(crate) findings: Vec<FindingRow>,
    /// Findings beyond those listed.
    pub(crate) findings_left_out: u64,
    pub(crate) information: Vec<Counter>,
    pub(crate) chains: Vec<ChainRow>,
    /// SVG, or empty where nothing grew.
    pub(crate) chart: String,
    /// What the chains record of removals, holds and erasures.
    pub(crate) life: Vec<LifeRow>,
    /// Such records beyond those listed.
    pub(crate) life_left_out: u64,
    pub(crate) keys: Vec<KeyRow>,
    pub(crate) checkpoints: Vec<CheckpointRow>,
    /// Checkpoints beyond those listed.
    pub(crate) checkpoints_left_out: u64,
    pub(crate) terms: Vec<Fact>,
}

/// The first thing a reader sees.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// `good`, `bad` or `open`: the colour and the mark.
    pub(crate) class: &'static str,
    pub(crate) word: &'static str,
    pub(crate) sentence: String,
}

/// A name and what it is.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// One finding with its evidence.
#[derive(Debug)]
pub(crate) struct FindingRow {
    pub(crate) number: usize,
    pub(crate) code: String,
    pub(crate) meaning: &'static str,
    pub(crate) chain: String,
    pub(crate) place: String,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
}

/// Something counted that is no finding.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) count: String,
    pub(crate) zero: bool,
    pub(crate) meaning: &'static str,
}

/// One chain.
#[derive(Debug)]
pub(crate) struct ChainRow {
    pub(crate) chain: String,
    pub(crate) intact: bool,
    pub(crate) entries: String,
    pub(crate) absent: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) root: String,
    pub(crate) covered: String,
    pub(crate) incarnation: u64,
}

/// Something that a chain records of its life.
#[derive(Debug)]
pub(crate) struct LifeRow {
    pub(crate) chain: String,
    pub(crate) seq: String,
    pub(crate) at: String,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    /// A hold that is still in force.
    pub(crate) open: bool,
}

/// A key and why it is believed.
#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) key: String,
    pub(crate) why: String,
}

/// A checkpoint that was checked.
#[derive(Debug)]
pub(crate) struct CheckpointRow {
    pub(crate) origin: String,
    pub(crate) size: String,
    pub(crate) root: String,
    pub(crate) state: String,
    pub(crate) good: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(message: &str) -> Page {
        Page {
            title: "Verification of audit.example.com".into(),
            source: "sqlite:journal.db".into(),
            generated: "2026-11-20 23:23:00 UTC".into(),
            tool: "audit-verify 0.1.0".into(),
            verdict: Verdict {
                class: "bad",
                word: "Not intact",
                sentence: "1 finding in 1 chain.".into(),
            },
            facts: vec![Fact { name: "Entries".into(), value: "12".into() }],
            findings: vec![FindingRow {
                number: 1,
                code: "altered".into(),
                meaning: "Stored bytes do not hash to what the next entry commits to.",
                chain: "acme/default".into(),
                place: "entry 41".into(),
                message: message.into(),
                expected: Some("00".repeat(32)),
                found: Some("11".repeat(32)),
            }],
            findings_left_out: 0,
            information: vec![Counter {
                name: "unsigned".into(),
                count: "0".into(),
                zero: true,
                meaning: "entries above the newest checkpoint",
            }],
            chains: vec![],
            chart: String::new(),
            life: vec![],
            life_left_out: 0,
            keys: vec![],
            checkpoints: vec![],
            checkpoints_left_out: 0,
            terms: vec![],
        }
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let html = sample("<img src=x onerror=alert(1)> & \"quoted\"").render().unwrap();
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains("onerror=alert(1)"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = sample("altered").render().unwrap();
        for outside in ["http:", "https:", "//", "<script", "<link", "url(", "@import", "src="] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
