//! `keygen` and `vkey`: a journal's key, and the key of one of its chains.

use std::io::Write;

use audit_core::{JournalName, Origin};
use tool_support::{During, Failure, keys, printed};

use crate::cli::{Keygen, Vkey};

/// Makes a key pair.
pub(crate) fn keygen(arguments: &Keygen, out: &mut impl Write) -> Result<u8, Failure> {
    let journal = JournalName::new(&arguments.journal).during("the journal's name")?;
    let (key, secret, public) = keys::make(&journal, &arguments.out)?;
    let mut told = || -> std::io::Result<()> {
        writeln!(out, "{}  sign with it; keep it from everyone else", secret.display())?;
        writeln!(out, "{}  give it to auditors:", public.display())?;
        writeln!(out, "{}", key.verifier())
    };
    printed(told())?;
    Ok(0)
}

/// Prints a chain's verifier key.
pub(crate) fn vkey(arguments: &Vkey, out: &mut impl Write) -> Result<u8, Failure> {
    let given = keys::verifier_keys(std::slice::from_ref(&arguments.key))?;
    let [key] = given.as_slice() else {
        return Err(Failure::new(format!("{} holds more than one key", arguments.key)));
    };
    let journal = JournalName::new(key.name()).during("the key is not a journal's: its name")?;
    let origin = Origin::new(journal, arguments.chain.clone(), arguments.incarnation)
        .during("the chain's origin")?;
    let derived = key.renamed(&origin.to_string()).during("cannot derive the chain's key")?;
    printed(writeln!(out, "{derived}"))?;
    Ok(0)
}
