//! Starting writers and collecting what they promised.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use audit_core::ChainId;
use audit_store::Journal;
use stress::{Acknowledged, Host};

/// The one chain of these tests.
pub(crate) fn chain() -> ChainId {
    "acme/default".parse().unwrap()
}

/// A journal with that chain, and the host's table.
pub(crate) async fn journal<DB: Host>(url: &str) -> Journal<DB> {
    let journal = DB::create(url, &stress::options()).await.unwrap();
    journal.create_chain(&chain()).await.unwrap();
    journal
}

/// A process of writers.
pub(crate) struct Writer {
    child: Child,
    reader: std::thread::JoinHandle<Acknowledged>,
}

impl Writer {
    pub(crate) fn start(url: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_journal-stress"))
            .args(["--url", url, "append"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // A line that was cut off by a death is no promise.
        let reader = std::thread::spawn(move || {
            output
                .split(b'\n')
                .map_while(Result::ok)
                .filter_map(|line| {
                    let line = String::from_utf8(line).ok()?;
                    let id = line.strip_prefix("ack ")?;
                    (id.len() == 36).then(|| id.to_owned())
                })
                .collect()
        });
        Self { child, reader }
    }

    /// Waits for its end, which has to be a good one.
    pub(crate) fn finish(mut self) -> Acknowledged {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "a writer failed: {status}");
        self.reader.join().unwrap()
    }

    /// Kills it with SIGKILL, or learns that it had ended.
    pub(crate) fn kill(mut self) -> Acknowledged {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap()
    }
}
