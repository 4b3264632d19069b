//! `keygen`: the witness's own key.

use std::io::Write;

use audit_core::CosigningKey;
use tool_support::{During, Failure, keys, output, printed};

use crate::cli::Keygen;

/// Makes the two key files.
pub(crate) fn keygen(arguments: &Keygen, out: &mut impl Write) -> Result<u8, Failure> {
    let secret = keys::with_suffix(&arguments.out, "skey");
    let public = keys::with_suffix(&arguments.out, "vkey");
    if public.exists() {
        return Err(Failure::new(format!("{}: it exists already", public.display())));
    }
    let key =
        CosigningKey::generate(&arguments.name).during(format!("the name `{}`", arguments.name))?;
    output::write_secret(&secret, key.to_skey().as_bytes()).during(secret.display())?;
    let written = output::write(&public, format!("{}\n", key.verifier()).as_bytes());
    if written.is_err() {
        let _best_effort = std::fs::remove_file(&secret);
    }
    written.during(public.display())?;
    printed(writeln!(out, "{}", key.verifier()))?;
    Ok(0)
}
