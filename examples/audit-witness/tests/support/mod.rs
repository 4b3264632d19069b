//! The witness as a process, and logs that it is asked about.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use audit_core::{
    AddCheckpoint, Checkpoint, CompactRange, ConsistencyProof, ConsistencyRequest, LeafHash,
    NodeHash, SignedCheckpoint, SigningKey, TreeHead, VerifierKey,
};
use tempfile::TempDir;

/// A folder with a witness's key and configuration.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) vkey: VerifierKey,
}

impl Home {
    pub(crate) fn new(logs: &[VerifierKey]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = tool(&[
            "keygen",
            "witness.example/w1",
            "--out",
            folder.path().join("w1").to_str().unwrap(),
        ]);
        assert!(made.status.success(), "{made:?}");
        let home = Self { vkey: text(&made.stdout).trim().parse().unwrap(), folder };
        home.configure(logs);
        home
    }

    pub(crate) fn configure(&self, logs: &[VerifierKey]) {
        let logs: Vec<_> = logs.iter().map(|log| format!("{:?}", log.to_string())).collect();
        let config = format!(
            "listen = \"127.0.0.1:0\"\nkey = \"w1.skey\"\ndatabase = \"w1.db\"\nlogs = [{}]\n",
            logs.join(", ")
        );
        std::fs::write(self.config(), config).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("witness.toml")
    }

    pub(crate) fn serve(&self) -> Witness {
        let mut child = Command::new(env!("CARGO_BIN_EXE_audit-witness"))
            .args(["serve", "--create", "--config"])
            .arg(self.config())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (said, url) = line.trim().split_once(" listens at ").unwrap();
        assert_eq!(said, self.vkey.to_string());
        Witness { child, url: url.to_owned() }
    }

    /// What it cosigned last, as its own tool prints it.
    pub(crate) fn latest(&self, origin: &str) -> Output {
        tool(&["latest", "--config", self.config().to_str().unwrap(), origin])
    }
}

/// A running witness; killed where nobody ended it.
pub(crate) struct Witness {
    child: Child,
    pub(crate) url: String,
}

impl Witness {
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a service manager does; how it ended.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn tool(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audit-witness")).args(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[seed; 32]).unwrap()
}

/// A log in memory: its leaves are numbers, from `fork` on other ones than everybody else's.
pub(crate) struct Log {
    pub(crate) key: SigningKey,
    pub(crate) origin: String,
    fork: Option<u64>,
}

impl Log {
    pub(crate) fn new(chain: &str) -> Self {
        Self { key: key(7), origin: format!("audit.example.com/{chain}/1"), fork: None }
    }

    pub(crate) fn forked_at(self, seq: u64) -> Self {
        Self { fork: Some(seq), ..self }
    }

    pub(crate) fn signed_by(self, key: SigningKey) -> Self {
        Self { key, ..self }
    }

    fn leaf(&self, seq: u64) -> LeafHash {
        let forked = self.fork.is_some_and(|fork| seq >= fork);
        LeafHash::of(format!("{seq} {forked}").as_bytes())
    }

    pub(crate) fn head(&self, size: u64) -> TreeHead {
        let mut range = CompactRange::default();
        (0..size).for_each(|seq| range.push(self.leaf(seq)));
        range.head()
    }

    fn node(&self, first: u64, count: u64) -> NodeHash {
        if count == 1 {
            return self.leaf(first).into();
        }
        let half = count / 2;
        NodeHash::parent(&self.node(first, half), &self.node(first + half, half))
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> ConsistencyProof {
        let request = ConsistencyRequest::new(old, new).unwrap();
        let nodes = request.nodes().iter();
        let hashes: Vec<_> = nodes
            .map(|node| self.node(node.first_leaf(), node.end_leaf() - node.first_leaf()))
            .collect();
        request.assemble(&hashes).unwrap()
    }

    pub(crate) fn signed(&self, size: u64) -> SignedCheckpoint {
        let origin = self.origin.parse().unwrap();
        Checkpoint::new(origin, self.head(size)).sign(&self.key).unwrap()
    }

    pub(crate) fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint::new(old, self.proof(old, new), (&self.signed(new)).into()).unwrap()
    }
}
