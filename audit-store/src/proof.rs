//! Proofs from what is stored: that an entry stands in the chain, and that the chain only grew.

use audit_core::{
    ChainId, CompactRange, ConsistencyProof, ConsistencyRequest, InclusionProof, InclusionRequest,
    LeafHash, NodeHash, NodeId, ProofError, ProofFile, SignedCheckpoint, TreeError, TreeHead,
    TrustPolicy,
};

use crate::backend::rows::{CHECKPOINT_PAGE, ChainRow, CheckpointRow};
use crate::backend::{Backend, Schema, integer};
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};
use crate::tenancy::TenantMismatch;

pub(crate) mod nodes;

use nodes::NodePlan;

/// Why no proof was made. Nothing is ever changed by making one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The database could not be asked.
    #[error("cannot read what the proof is made of")]
    Database(#[from] DatabaseError),
    /// What is stored does not lead to the chain's own root: rows or tiles were lost or altered.
    /// Verify the journal.
    #[error("the stored tree of {chain} is damaged")]
    #[non_exhaustive]
    Damaged {
        /// The chain.
        chain: ChainId,
        /// What is lacking, or does not hold.
        #[source]
        source: ReadNodesError,
    },
    /// No stored checkpoint covers the entry yet.
    #[error("no checkpoint covers entry {seq} of {chain} yet")]
    #[non_exhaustive]
    NotCovered {
        /// The chain.
        chain: ChainId,
        /// The entry.
        seq: u64,
    },
    /// The chain has no such entry or size.
    #[error("{chain} has {size} entries, which {asked} does not fit")]
    #[non_exhaustive]
    OutOfRange {
        /// The chain.
        chain: ChainId,
        /// Its size.
        size: u64,
        /// The entry or the size that was asked for.
        asked: u64,
    },
    /// There is no such chain.
    #[error("there is no chain {chain}")]
    #[non_exhaustive]
    UnknownChain {
        /// The chain.
        chain: ChainId,
    },
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for ProveError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

/// Why the nodes of a tree could not be computed from what is stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadNodesError {
    /// The database could not be asked.
    #[error("cannot read the stored tree")]
    Database(#[from] DatabaseError),
    /// Tiles or rows are missing.
    #[error("nothing stored leads to the subtree from leaf {first} up to {end}")]
    #[non_exhaustive]
    Missing {
        /// The first leaf of the subtree that cannot be computed.
        first: u64,
        /// The leaf behind its last one.
        end: u64,
    },
    /// What was computed does not verify.
    #[error("what is stored does not lead to the root")]
    Proof(#[from] ProofError),
    /// The chain's head row is not one.
    #[error("the chain's compact range is not one of its size")]
    Range(#[from] TreeError),
}

impl From<sqlx::Error> for ReadNodesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// That an entry stands in a chain, and the tree head that it is proved for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenInclusion {
    /// The entry.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Size and root of the tree.
    pub head: TreeHead,
    /// The proof: [`InclusionProof::verify`] takes the other three.
    pub proof: InclusionProof,
}

/// That a chain only grew between two sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenConsistency {
    /// Size and root of the smaller tree.
    pub old: TreeHead,
    /// Size and root of the larger tree.
    pub new: TreeHead,
    /// The proof: [`ConsistencyProof::verify`] takes the other two.
    pub proof: ConsistencyProof,
}

impl<DB: Backend> Journal<DB> {
    /// Proves that entry `seq` stands in the chain as it was at `size`, by default as it is now
    /// (RFC 6962 section 2.1.1).
    ///
    /// The root is worth as much as whatever it is compared with: a checkpoint that was published.
    /// For a size that a checkpoint was signed at, at most four tiles of each level are read.
    ///
    /// # Errors
    ///
    /// [`ProveError`], each variant but `NotCovered`.
    pub async fn prove_inclusion(
        &self,
        chain: &ChainId,
        seq: u64,
        size: Option<u64>,
    ) -> Result<ProvenInclusion, ProveError> {
        let mut reader = ProofReader::begin(&self.store, chain).await?;
        let size = size.unwrap_or(reader.size);
        let proven = reader.inclusion(seq, size).await?;
        reader.end().await?;
        Ok(proven)
    }

    /// Proves that the chain at `new` entries is what it was at `old` entries, and more behind it
    /// (RFC 6962 section 2.1.2).
    ///
    /// # Errors
    ///
    /// [`ProveError`], each variant but `NotCovered`.
    pub async fn prove_consistency(
        &self,
        chain: &ChainId,
        old: u64,
        new: u64,
    ) -> Result<ProvenConsistency, ProveError> {
        let mut reader = ProofReader::begin(&self.store, chain).await?;
        let proven = reader.consistency(old, new).await?;
        reader.end().await?;
        Ok(proven)
    }

    /// Entry `seq`'s proof as a file of the tlog-proof format: with the newest checkpoint and its
    /// cosignatures, so that the entry's bytes, this file and the journal's key are all that a
    /// reader needs. Where the options ask for a quorum of witnesses, with one that has it, if there
    /// is one yet.
    ///
    /// # Errors
    ///
    /// [`ProveError::NotCovered`] where the newest checkpoint is older than the entry: sign one
    /// with [`checkpoint`](Self::checkpoint). Else any other variant.
    pub async fn proof_file(&self, chain: &ChainId, seq: u64) -> Result<ProofFile, ProveError> {
        let mut reader = ProofReader::begin(&self.store, chain).await?;
        if seq >= reader.size {
            return Err(reader.out_of_range(seq));
        }
        let signed = reader
            .covering_checkpoint(seq, self.store.options.quorum.as_ref())
            .await?
            .ok_or_else(|| ProveError::NotCovered { chain: chain.clone(), seq })?;
        let head = signed.checkpoint().head;
        if head.size > reader.size {
            return Err(reader.out_of_range(head.size));
        }
        let proven = reader.inclusion(seq, head.size).await?;
        reader.check_root(&head, &proven.head)?;
        reader.end().await?;
        Ok(ProofFile::new(seq, proven.proof, signed))
    }
}

/// One state of one chain, read for proofs.
pub(crate) struct ProofReader<'a, DB: Backend> {
    tx: sqlx::Transaction<'static, DB>,
    schema: &'a Schema,
    chain: &'a ChainId,
    row: ChainRow,
    range: CompactRange,
    size: u64,
}

impl<'a, DB: Backend> ProofReader<'a, DB> {
    pub(crate) async fn begin(
        store: &'a Store<DB>,
        chain: &'a ChainId,
    ) -> Result<Self, ProveError> {
        let mut tx = store.begin_snapshot(chain.tenant()).await?;
        let row = DB::chain_row(&mut tx, &store.schema, chain)
            .await?
            .ok_or_else(|| ProveError::UnknownChain { chain: chain.clone() })?;
        let range = row
            .compact_range()
            .map_err(|source| ProveError::Damaged { chain: chain.clone(), source })?;
        let size = range.size();
        Ok(Self { tx, schema: &store.schema, chain, row, range, size })
    }

    pub(crate) async fn end(self) -> Result<(), ProveError> {
        Ok(self.tx.rollback().await?)
    }

    fn out_of_range(&self, asked: u64) -> ProveError {
        ProveError::OutOfRange { chain: self.chain.clone(), size: self.size, asked }
    }

    fn damaged(&self, source: ReadNodesError) -> ProveError {
        match source {
            ReadNodesError::Database(source) => ProveError::Database(source),
            source => ProveError::Damaged { chain: self.chain.clone(), source },
        }
    }

    /// A proof that does not hold is never handed out.
    pub(crate) fn check_root(
        &self,
        expected: &TreeHead,
        computed: &TreeHead,
    ) -> Result<(), ProveError> {
        if expected == computed {
            return Ok(());
        }
        let (expected, computed) = (expected.root, computed.root);
        Err(self.damaged(ReadNodesError::Proof(ProofError::Root { expected, computed })))
    }

    /// The newest checkpoint, with its cosignatures, where it covers the entry. Where a quorum is
    /// asked for and it has none yet, an older one that has and covers the entry too.
    async fn covering_checkpoint(
        &mut self,
        seq: u64,
        quorum: Option<&TrustPolicy>,
    ) -> Result<Option<SignedCheckpoint>, ProveError> {
        let (incarnation, seq) = (self.row.incarnation, integer(seq));
        let newest =
            DB::newest_checkpoint(&mut self.tx, self.schema, self.row.id, incarnation).await?;
        let Some(newest) = newest.filter(|newest| newest.size > seq) else { return Ok(None) };
        let last = (incarnation, newest.size);
        let mut above = (incarnation, newest.size.saturating_sub(1));
        let mut signed = self.checkpoints(above, last).await?.pop();
        let Some(quorum) = quorum else { return Ok(signed) };
        if !signed.as_ref().is_some_and(|signed| quorum.is_satisfied(signed.note())) {
            above = (incarnation, seq);
            let first = self.checkpoints(above, last).await?;
            let valid = |signed: &SignedCheckpoint| quorum.is_satisfied(signed.note());
            signed = first.into_iter().rfind(valid).or(signed);
        }
        Ok(signed)
    }

    async fn checkpoints(
        &mut self,
        above: (i64, i64),
        upto: (i64, i64),
    ) -> Result<Vec<SignedCheckpoint>, ProveError> {
        let (id, most) = (self.row.id, CHECKPOINT_PAGE);
        let rows = DB::checkpoint_rows(&mut self.tx, self.schema, id, above, upto, most).await?;
        let parse = |row: &CheckpointRow| SignedCheckpoint::parse(&row.note).ok();
        Ok(rows.iter().filter_map(parse).collect())
    }

    async fn nodes(&mut self, wanted: Vec<NodeId>) -> Result<Vec<NodeHash>, ProveError> {
        read_nodes::<DB>(&mut self.tx, self.schema, self.row.id, &self.range, wanted)
            .await
            .map_err(|source| self.damaged(source))
    }

    async fn inclusion(&mut self, seq: u64, size: u64) -> Result<ProvenInclusion, ProveError> {
        if size > self.size {
            return Err(self.out_of_range(size));
        }
        let request = InclusionRequest::new(seq, size).map_err(|_| self.out_of_range(seq))?;
        let leaf = NodeId::new(0, seq).map_err(|_| self.out_of_range(seq))?;
        let mut wanted = request.nodes().to_vec();
        wanted.push(leaf);
        let mut hashes = self.nodes(wanted).await?;
        let leaf =
            hashes.pop().map_or(LeafHash::ZERO, |hash| LeafHash::from_bytes(*hash.as_bytes()));
        let proof = request.assemble(&hashes).map_err(|e| self.damaged(e.into()))?;
        let root = proof.root(leaf, seq, size).map_err(|e| self.damaged(e.into()))?;
        let head = TreeHead::new(size, root);
        if size == self.size {
            self.check_root(&self.range.head(), &head)?;
        }
        Ok(ProvenInclusion { seq, leaf, head, proof })
    }

    pub(crate) async fn consistency(
        &mut self,
        old: u64,
        new: u64,
    ) -> Result<ProvenConsistency, ProveError> {
        if new > self.size {
            return Err(self.out_of_range(new));
        }
        let request = ConsistencyRequest::new(old, new).map_err(|_| self.out_of_range(old))?;
        let of_old = CompactRange::node_ids(old).map_err(|_| self.out_of_range(old))?;
        let of_new = CompactRange::node_ids(new).map_err(|_| self.out_of_range(new))?;
        let parts = (request.nodes().len(), of_old.len());
        let hashes = self.nodes([request.nodes(), &of_old, &of_new].concat()).await?;
        let (path, roots) = hashes.split_at(parts.0);
        let (old_roots, new_roots) = roots.split_at(parts.1);
        let head = |size, hashes: &[NodeHash]| {
            CompactRange::from_hashes(size, hashes.to_vec()).map(|range| range.head())
        };
        let old = head(old, old_roots).map_err(|e| self.damaged(e.into()))?;
        let new = head(new, new_roots).map_err(|e| self.damaged(e.into()))?;
        let proof = request.assemble(path).map_err(|e| self.damaged(e.into()))?;
        proof.verify(&old, &new).map_err(|e| self.damaged(e.into()))?;
        if new.size == self.size {
            self.check_root(&self.range.head(), &new)?;
        }
        Ok(ProvenConsistency { old, new, proof })
    }
}

impl ChainRow {
    /// The compact range, where the row holds one of its size.
    pub(crate) fn compact_range(&self) -> Result<CompactRange, ReadNodesError> {
        // A negative size is as little the size of a tree as one that is too large.
        let size = u64::try_from(self.size).unwrap_or(u64::MAX);
        Ok(CompactRange::from_bytes(size, &self.range)?)
    }
}

/// The hashes of nodes of a chain's tree, in two or three statements.
pub(crate) async fn read_nodes<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    chain: i64,
    range: &CompactRange,
    wanted: Vec<NodeId>,
) -> Result<Vec<NodeHash>, ReadNodesError> {
    let mut plan = NodePlan::new(wanted, range);
    plan.add_tiles(DB::widest_tiles(conn, schema, chain, &plan.tiles()).await?);
    plan.add_children(DB::widest_tiles(conn, schema, chain, &plan.children()).await?);
    if let Some(rows) = plan.rows()
        && let (Ok(first), Ok(end)) = (i64::try_from(rows.start), i64::try_from(rows.end))
    {
        let page = DB::packed_entries(conn, schema, chain, first, end).await?;
        for entry in page.texts() {
            let (seq, body) = entry?;
            plan.add_leaf(seq, LeafHash::of(body.as_bytes()));
        }
    }
    plan.finish()
        .map_err(|node| ReadNodesError::Missing { first: node.first_leaf(), end: node.end_leaf() })
}

/// Whether a tree head is one that this chain's tree once had.
pub(crate) async fn head_at<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    chain: i64,
    range: &CompactRange,
    old: &TreeHead,
) -> Result<bool, ReadNodesError> {
    if old.size == 0 {
        return Ok(*old == TreeHead::EMPTY);
    }
    let request = ConsistencyRequest::new(old.size, range.size())?;
    let nodes = request.nodes().to_vec();
    let hashes = read_nodes::<DB>(conn, schema, chain, range, nodes).await?;
    let proof = request.assemble(&hashes)?;
    Ok(proof.verify(old, &range.head()).is_ok())
}
