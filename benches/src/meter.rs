//! Time as it passes, and time on a processor, which what else the machine does hardly changes.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where the database server's processes work, which are counted with this one.
static SERVER: OnceLock<PathBuf> = OnceLock::new();

/// What something took.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Spent {
    /// From beginning to end.
    pub wall: Duration,
    /// On a processor, in this process and the database server's.
    pub cpu: Duration,
}

/// Counts the processes that work in this folder, too.
pub fn count_server(folder: &Path) {
    SERVER.get_or_init(|| folder.to_owned());
}

/// How long something takes.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Spent) {
    let (before, start) = (cpu(), Instant::now());
    let done = work.await;
    let wall = start.elapsed();
    (done, Spent { wall, cpu: cpu().saturating_sub(before) })
}

/// The processor's time so far: of all threads that there are, so it is right between two moments
/// in which none ended.
fn cpu() -> Duration {
    let mut sum = threads(Path::new("/proc/self"));
    if let Some(folder) = SERVER.get() {
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let process = process.path();
            if std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == *folder) {
                sum += threads(&process);
            }
        }
    }
    sum
}

fn threads(process: &Path) -> Duration {
    let all = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let of_one = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    all.filter_map(of_one).sum()
}
