//! What a witness cosigns: C2SP tlog-witness, without any I/O.

use audit_core::{
    AddCheckpoint, AddCheckpointError, LogCheckpoint, Note, NoteError, NoteSignature, ProofError,
    TreeHead, VerifierKey,
};

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// 409, with the size that was cosigned last.
    #[error("the checkpoint that was cosigned last is of size {0}, or another one of that size")]
    Conflict(u64),
    /// 400.
    #[error("the request is malformed")]
    Malformed(#[source] AddCheckpointError),
    /// 400.
    #[error("the old size is larger than the checkpoint's")]
    OldSize,
    /// 422.
    #[error("the checkpoint does not continue the one that was cosigned last")]
    Proof(#[source] ProofError),
    /// 403.
    #[error("no signature of a key that is known for this log")]
    Signature(#[source] NoteError),
    /// 500. Nothing was cosigned.
    #[error("the witness cannot read or write what it knows")]
    Store(#[from] sqlx::Error),
    /// 500. Nothing was cosigned.
    #[error("the witness cannot sign")]
    Time(#[source] NoteError),
    /// 404.
    #[error("no log of this origin is known")]
    UnknownOrigin,
}

/// A request whose form and signatures are right.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) request: AddCheckpoint,
    /// The signatures by known keys: all others are left out of what is kept.
    pub(crate) signatures: Vec<NoteSignature>,
}

/// Reads a request and checks who signed it.
pub(crate) fn read(body: &str, logs: &[VerifierKey]) -> Result<Trusted, Refusal> {
    let request = AddCheckpoint::parse(body).map_err(Refusal::Malformed)?;
    let checkpoint = request.checkpoint();
    if !logs.iter().any(|key| checkpoint.names(key)) {
        return Err(Refusal::UnknownOrigin);
    }
    let verified = checkpoint.verify(logs).map_err(Refusal::Signature)?;
    let known = |line: &&NoteSignature| verified.iter().any(|by| line.is_by(by.key()));
    let signatures = checkpoint.note().signatures().iter().filter(known).cloned().collect();
    if request.old_size() > checkpoint.head().size {
        return Err(Refusal::OldSize);
    }
    Ok(Trusted { request, signatures })
}

/// Whether a checkpoint continues the one that was cosigned last; the empty tree where none was.
pub(crate) fn continues(request: &AddCheckpoint, last: &TreeHead) -> Result<(), Refusal> {
    let new = request.checkpoint().head();
    if request.old_size() != last.size || (new.size == last.size && new.root != last.root) {
        return Err(Refusal::Conflict(last.size));
    }
    request.proof().verify(last, &new).map_err(Refusal::Proof)
}

/// The checkpoint with these signatures only.
pub(crate) fn note_of(
    checkpoint: &LogCheckpoint,
    signatures: impl IntoIterator<Item = NoteSignature>,
) -> Result<String, NoteError> {
    let mut note = Note::new(checkpoint.note().text())?;
    signatures.into_iter().try_for_each(|signature| note.add(signature))?;
    Ok(note.to_string())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use audit_core::{
        Checkpoint, CompactRange, ConsistencyProof, ConsistencyRequest, LeafHash, NodeHash,
        SigningKey,
    };

    use super::*;

    fn leaf(n: u64) -> LeafHash {
        LeafHash::of(&n.to_be_bytes())
    }

    fn head(size: u64) -> TreeHead {
        let mut range = CompactRange::default();
        (0..size).for_each(|n| range.push(leaf(n)));
        range.head()
    }

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(name, &[seed; 32]).unwrap()
    }

    /// The root of the perfect subtree over these leaves.
    fn fold(first: u64, count: u64) -> NodeHash {
        if count == 1 {
            return leaf(first).into();
        }
        let half = count / 2;
        NodeHash::parent(&fold(first, half), &fold(first + half, half))
    }

    fn proof(old: u64, new: u64) -> ConsistencyProof {
        let request = ConsistencyRequest::new(old, new).unwrap();
        let nodes = request.nodes().iter();
        let hashes: Vec<_> =
            nodes.map(|n| fold(n.first_leaf(), n.end_leaf() - n.first_leaf())).collect();
        request.assemble(&hashes).unwrap()
    }

    fn body(old: u64, new: u64, proof: ConsistencyProof, key: &SigningKey) -> String {
        let origin = "audit.example.com/acme/default/1".parse().unwrap();
        let signed = Checkpoint::new(origin, head(new)).sign(key).unwrap();
        AddCheckpoint::new(old, proof, (&signed).into()).unwrap().to_string()
    }

    #[test]
    fn only_what_continues_the_last_is_cosigned() {
        let journal = key("audit.example.com", 1);
        let logs = [journal.verifier().clone()];
        let judge = |body: &str, last: u64| {
            let trusted = read(body, &logs)?;
            assert_eq!(trusted.signatures.len(), 1);
            continues(&trusted.request, &head(last))
        };
        for (old, new) in [(0, 0), (0, 9), (1, 9), (8, 9), (9, 9), (7, 300)] {
            judge(&body(old, new, proof(old, new), &journal), old).unwrap();
            if old != 5 {
                let refused = judge(&body(old, new, proof(old, new), &journal), 5);
                assert!(matches!(refused, Err(Refusal::Conflict(5))), "{refused:?}");
            }
        }
        let refused = judge(&body(9, 8, proof(0, 0), &journal), 9);
        assert!(matches!(refused, Err(Refusal::OldSize)));
        // A proof of something else, or one where none belongs.
        for (old, new, wrong) in [(5, 9, proof(4, 9)), (0, 9, proof(5, 9)), (9, 9, proof(5, 9))] {
            let refused = judge(&body(old, new, wrong, &journal), old);
            assert!(matches!(refused, Err(Refusal::Proof(_))), "{refused:?}");
        }
        // The same size, another root.
        let trusted = read(&body(9, 9, proof(9, 9), &journal), &logs).unwrap();
        let other = TreeHead::new(9, head(8).root);
        assert!(matches!(continues(&trusted.request, &other), Err(Refusal::Conflict(9))));
    }

    #[test]
    fn who_is_known_and_who_signed() {
        let (journal, thief) = (key("audit.example.com", 1), key("audit.example.com", 2));
        let first = body(0, 3, proof(0, 3), &journal);
        let chain = |n: u64| {
            journal.verifier().renamed(&format!("audit.example.com/acme/default/{n}")).unwrap()
        };
        let read = |body: &str, log: &VerifierKey| read(body, std::slice::from_ref(log));
        read(&first, journal.verifier()).unwrap();
        read(&first, &chain(1)).unwrap();
        for unknown in [chain(2), key("audit.example.org", 1).verifier().clone()] {
            assert!(matches!(read(&first, &unknown), Err(Refusal::UnknownOrigin)));
        }
        let by_thief = body(0, 3, proof(0, 3), &thief);
        let refused = read(&by_thief, journal.verifier());
        assert!(matches!(refused, Err(Refusal::Signature(NoteError::Untrusted))));
        let altered = first.replace("\n3\n", "\n4\n");
        let refused = read(&altered, journal.verifier());
        assert!(matches!(refused, Err(Refusal::Signature(NoteError::Invalid { .. }))));
        // What strangers add to a checkpoint is not kept.
        let both = format!("{first}{}\n", by_thief.lines().last().unwrap());
        let trusted = read(&both, journal.verifier()).unwrap();
        let kept = note_of(trusted.request.checkpoint(), trusted.signatures).unwrap();
        assert_eq!(kept, first.split_once("\n\n").unwrap().1);
    }
}
