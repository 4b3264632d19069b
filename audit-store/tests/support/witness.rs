// Included by the suites about witnesses: a witness over real HTTP that does as it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audit_core::{
    AddCheckpoint, Clock, CosigningKey, SystemClock, TreeHead, VerifierKey, WitnessCosignatures,
};
use audit_store::HttpWitness;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with the next requests.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// Keeps to the protocol.
    Honest,
    /// Keeps to it, and ends the connection instead of answering.
    CutsOff,
    /// Takes the request and says nothing.
    Silent,
    /// Answers with these bytes.
    Says(String),
    /// Answers with a body that never ends.
    Endless,
    /// Names the size that it cosigned last, and denies every proof from there.
    Denies,
    /// Answers 409 with a size of its own each time.
    Fickle,
}

/// Listens on a port of 127.0.0.1 as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct TestWitness {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    key: CosigningKey,
    mood: Mutex<Mood>,
    known: Mutex<HashMap<String, TreeHead>>,
    requests: AtomicU64,
}

impl TestWitness {
    pub(crate) async fn start(number: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w{number}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            key: CosigningKey::from_seed(&format!("w{number}.example"), &[number; 32]).unwrap(),
            mood: Mutex::new(Mood::Honest),
            known: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(shared) = weak.upgrade() else { return };
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Self { url, shared }
    }

    pub(crate) fn vkey(&self) -> VerifierKey {
        self.shared.key.verifier().clone()
    }

    /// How the journal talks to it.
    pub(crate) fn client(&self) -> HttpWitness {
        HttpWitness::new(self.vkey(), &self.url).unwrap()
    }

    pub(crate) fn hasty(&self) -> HttpWitness {
        self.client().timeout(Duration::from_millis(300))
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The size it cosigned last.
    pub(crate) fn size(&self, origin: &str) -> u64 {
        self.shared.known.lock().unwrap().get(origin).map_or(0, |head| head.size)
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let Some(body) = read(&mut stream).await else { return };
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let mood = self.mood.lock().unwrap().clone();
        let answer = match mood {
            Mood::Honest => self.honest(&body),
            Mood::CutsOff => {
                self.honest(&body);
                return;
            }
            Mood::Silent => {
                // Until the client gives up.
                let _gone = stream.read(&mut [0]).await;
                return;
            }
            Mood::Says(answer) => answer,
            Mood::Endless => {
                let head = "HTTP/1.1 200 OK\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes()).await;
                while sent.is_ok() {
                    sent = stream.write_all(&[b'x'; 4096]).await;
                }
                return;
            }
            Mood::Denies => {
                let request = AddCheckpoint::parse(&body).unwrap();
                let known = self.known.lock().unwrap()[request.checkpoint().origin()].size;
                if request.old_size() == known {
                    answer(422, "text/plain", "no")
                } else {
                    conflict(known)
                }
            }
            Mood::Fickle => conflict(number % 2),
        };
        let _whoever_has_gone = stream.write_all(answer.as_bytes()).await;
    }

    fn honest(&self, body: &str) -> String {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return answer(400, "text/plain", &error.to_string()),
        };
        let checkpoint = request.checkpoint();
        let mut known = self.known.lock().unwrap();
        let last = known.get(checkpoint.origin()).copied().unwrap_or(TreeHead::EMPTY);
        let new = checkpoint.head();
        if request.old_size() != last.size || (new.size == last.size && new.root != last.root) {
            return conflict(last.size);
        }
        if request.proof().verify(&last, &new).is_err() {
            return answer(422, "text/plain", "no");
        }
        known.insert(checkpoint.origin().to_owned(), new);
        let cosignature = self.key.cosign(checkpoint.note().text(), SystemClock.now()).unwrap();
        answer(200, "text/plain", &WitnessCosignatures::new(cosignature).to_string())
    }
}

pub(crate) fn conflict(size: u64) -> String {
    answer(409, "text/x.tlog.size", &format!("{size}\n"))
}

pub(crate) fn answer(status: u16, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The body of a POST to `/wN/add-checkpoint`.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /w") && head.contains("/add-checkpoint HTTP/1.1"));
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}
