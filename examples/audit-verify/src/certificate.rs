//! `certificate`: a certificate of erasure and the journal's public key; no database.

use std::io::Write;
use std::path::Path;

use audit_core::{TrustPolicy, VerifierKey};
use privacy_rights::{Certificate, ErasureCertificate, NoticeOutcome, SignedCertificate, Until};
use tool_support::{During, Failure, Style, grouped, keys, printable, printed};

use crate::check_proof::read;
use crate::cli;

/// What became of a certificate.
enum Outcome {
    Proven,
    Wrong(String),
    /// Signed by none of the keys.
    Unknown,
    /// Too few witnesses cosigned the checkpoint.
    Unwitnessed,
}

/// Checks a certificate: 0 proven, 1 wrong, 3 signed by none of the keys or cosigned by too few
/// witnesses.
pub(crate) fn certificate(
    arguments: &cli::Certificate,
    style: Style,
    out: &mut impl Write,
) -> Result<u8, Failure> {
    let keys = keys::verifier_keys(&arguments.keys)?;
    let policy = arguments.policy.as_deref().map(keys::trust_policy).transpose()?;
    let signed = load(&arguments.file)?;
    let mut outcome = check(&signed, &keys, policy.as_ref());
    if let Some(path) = &arguments.part_one {
        let part_one = load(path)?;
        outcome = match (outcome, check(&part_one, &keys, policy.as_ref())) {
            (Outcome::Proven, Outcome::Proven) => match signed.follows(&part_one) {
                Ok(()) => Outcome::Proven,
                Err(error) => Outcome::Wrong(error.to_string()),
            },
            (Outcome::Proven, Outcome::Wrong(reason)) => {
                Outcome::Wrong(format!("part 1: {reason}"))
            }
            (Outcome::Proven, other) | (other, _) => other,
        };
    }
    printed(print(&signed, &outcome, style, out))?;
    Ok(match outcome {
        Outcome::Proven => 0,
        Outcome::Wrong(_) => 1,
        Outcome::Unknown | Outcome::Unwitnessed => 3,
    })
}

fn load(path: &Path) -> Result<SignedCertificate, Failure> {
    SignedCertificate::parse(&read(path)?).during(format!("{} is no certificate", path.display()))
}

fn check(
    signed: &SignedCertificate,
    keys: &[VerifierKey],
    policy: Option<&TrustPolicy>,
) -> Outcome {
    match signed.verify(keys) {
        Ok(_)
            if policy
                .is_some_and(|policy| !policy.is_satisfied(signed.proof().checkpoint().note())) =>
        {
            Outcome::Unwitnessed
        }
        Ok(_) => Outcome::Proven,
        Err(error) if error.is_untrusted() => Outcome::Unknown,
        Err(error) => Outcome::Wrong(Failure::because("the certificate", &error).to_string()),
    }
}

fn print(
    signed: &SignedCertificate,
    outcome: &Outcome,
    style: Style,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let certificate = signed.certificate();
    let place = format!(
        "certificate of request {}, recorded by entry {} of {} in {}",
        certificate.request(),
        grouped(signed.proof().index()),
        certificate.chain(),
        certificate.journal()
    );
    match outcome {
        Outcome::Proven => {
            writeln!(out, "{}  {place}", style.good("proven"))?;
            contents(certificate, out)
        }
        Outcome::Wrong(reason) => {
            writeln!(out, "{}  {place}", style.bad("wrong"))?;
            writeln!(out, "{}", printable(reason))
        }
        Outcome::Unwitnessed => {
            writeln!(out, "{}  {place}", style.open("not proven"))?;
            writeln!(out, "the checkpoint is signed, but not valid by your policy of witnesses")
        }
        Outcome::Unknown => {
            writeln!(out, "{}  {place}", style.open("not proven"))?;
            writeln!(out, "none of the named keys signed this certificate")
        }
    }
}

/// What it says, once it is proven.
fn contents(certificate: &Certificate, out: &mut impl Write) -> std::io::Result<()> {
    match certificate {
        Certificate::Erasure(part) => erasure(part, out),
        Certificate::Backups(part) => {
            writeln!(out, "no backup holds it since {}", part.clear_since)?;
            if let Some(days) = part.rolling_days {
                writeln!(out, "  declared: backups in no register are gone after {days} days")?;
            }
            for set in &part.sets {
                let (id, taken, gone) = (printable(&set.id), set.taken_at, set.gone_at);
                writeln!(out, "  set {id}, taken {taken}, gone {gone}")?;
            }
            Ok(())
        }
        other => writeln!(out, "{}", printable(&other.to_string())),
    }
}

fn erasure(part: &ErasureCertificate, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "ground {}, intended {}", printable(&part.ground), part.intended_at)?;
    writeln!(out, "completed {}, plan {}", part.completed_at, part.plan)?;
    for erased in &part.erased {
        let strategies: Vec<String> =
            erased.strategies.iter().map(|(name, fields)| format!("{name} {fields}")).collect();
        let (records, source) = (grouped(erased.records), printable(&erased.source));
        writeln!(out, "  {source}: {records} erased ({})", printable(&strategies.join(", ")))?;
    }
    for kept in &part.kept {
        let until = match &kept.until {
            Until::Date(date) => format!("through {date}"),
            Until::HoldReleased(hold) => format!("until the hold {} is released", printable(hold)),
            _ => "for a time that is not known".to_owned(),
        };
        let (records, source) = (grouped(kept.records), printable(&kept.source));
        writeln!(out, "  {source}: {records} kept {until}: {}", printable(&kept.ground))?;
    }
    let (left, explained) = (grouped(part.left.records), grouped(part.left.explained));
    writeln!(out, "  left {left}, of them explained {explained}")?;
    let entries = grouped(part.journal_entries);
    writeln!(out, "  private fields removed of {entries} entries of the journal")?;
    if part.keys_destroyed {
        writeln!(out, "  the person's keys destroyed")?;
    }
    for notice in &part.recipients {
        let outcome = match &notice.outcome {
            NoticeOutcome::Acknowledged => "has confirmed".to_owned(),
            NoticeOutcome::Told => "was told".to_owned(),
            NoticeOutcome::NotTold { ground } => format!("was not told: {}", printable(ground)),
            _ => "was treated otherwise".to_owned(),
        };
        writeln!(out, "  recipient {} {outcome}", printable(&notice.recipient))?;
    }
    Ok(())
}
