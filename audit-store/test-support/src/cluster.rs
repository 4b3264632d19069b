//! One PostgreSQL server in a temporary folder.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{error, fmt, io};

/// A running server. It ends with the process that owns it, not with this value: tests share it
/// through a static, and statics are not dropped.
#[derive(Debug)]
pub struct Cluster {
    url: String,
}

/// Why no server could be started; the text says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterError {
    /// A step failed although the programs are there.
    Failed {
        /// What was tried.
        step: String,
        /// What it said.
        output: String,
    },
    /// The file system refused.
    Io(io::Error),
    /// No `initdb` and `pg_ctl` on this machine.
    NotInstalled,
    /// This is root, PostgreSQL refuses to run as root, and there is no other user.
    NoUnprivilegedUser,
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { step, output } => write!(f, "{step} failed:\n{output}"),
            Self::Io(_) => f.write_str("cannot prepare the folder of a PostgreSQL server"),
            Self::NotInstalled => f.write_str(
                "these tests need PostgreSQL's server programs (initdb, pg_ctl, postgres) in PATH \
                 or /usr/lib/postgresql/*/bin. Install them (Debian, Ubuntu: apt-get install \
                 postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
                 postgresql), or set TEST_POSTGRES_URL to a server whose user may create databases",
            ),
            Self::NoUnprivilegedUser => f.write_str(
                "PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor \
                 `nobody` to run it as",
            ),
        }
    }
}

impl error::Error for ClusterError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(source) => Some(source),
            _ => None,
        }
    }
}

impl From<io::Error> for ClusterError {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

/// Outlives everybody else: ends the server once the owner is gone, then removes the folder.
const WATCHDOG: &str = r#"
owner=$1 server=$2 folder=$3
while kill -0 "$owner" 2>/dev/null; do sleep 1; done
kill -QUIT "$server" 2>/dev/null
tries=10
while kill -0 "$server" 2>/dev/null && [ $tries -gt 0 ]; do sleep 1; tries=$((tries - 1)); done
kill -KILL "$server" 2>/dev/null
rm -rf "$folder"
"#;

impl Cluster {
    /// Starts a server that ends soon after the process `owner` has ended.
    ///
    /// # Errors
    ///
    /// As [`ClusterError`] says. Nothing is left running, and no folder.
    pub fn start(owner: u32) -> Result<Self, ClusterError> {
        let folder = tempfile::Builder::new()
            .prefix("test-postgres-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(short_temporary_folder())?;
        let cluster = Self::start_in(folder.path(), owner)?;
        // From here on the folder is the watchdog's to remove.
        let _path = folder.keep();
        Ok(cluster)
    }

    /// The server of this run of `cargo nextest`, where each test is a process of its own: the
    /// first one starts it, under a lock; the runner owns it.
    pub(crate) fn shared(run: &str, owner: u32) -> Result<Self, ClusterError> {
        let name: String = run.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        let folder = short_temporary_folder().join(format!("test-postgres-run-{name}"));
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let address = folder.join("url");
        if let Ok(url) = fs::read_to_string(&address) {
            return Ok(Self { url });
        }
        let cluster = Self::start_in(&folder, owner).inspect_err(|_| {
            // The next test of the run tries again, and shall see the same error.
            for part in ["data", "socket"] {
                let _absent = fs::remove_dir_all(folder.join(part));
            }
        })?;
        fs::write(address, &cluster.url)?;
        Ok(cluster)
    }

    /// The server's address, of a superuser and the database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn start_in(folder: &Path, owner: u32) -> Result<Self, ClusterError> {
        let programs = programs().ok_or(ClusterError::NotInstalled)?;
        // The folder was made a moment ago, so its owner is the user this process acts as.
        let user = match fs::metadata(folder)?.uid() {
            0 => Some(unprivileged_user().ok_or(ClusterError::NoUnprivilegedUser)?),
            _ => None,
        };
        let data = folder.join("data");
        let socket = folder.join("socket");
        let log = folder.join("log");
        fs::create_dir(&data)?;
        fs::create_dir(&socket)?;
        File::create(&log)?;
        if let Some((uid, gid)) = user {
            for path in [&data, &socket, &log] {
                chown(path, Some(uid), Some(gid))?;
            }
        }
        run(command(&programs.join("initdb"), user, folder).arg("--pgdata").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]))?;
        OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))?
            .write_all(settings(&socket).as_bytes())?;
        let started = run(command(&programs.join("pg_ctl"), user, folder)
            .arg("start")
            .arg("--pgdata")
            .arg(&data)
            .arg("--log")
            .arg(&log)
            .args(["--wait", "--timeout=120", "--silent"]));
        if let Err(error) = started {
            return Err(match (error, fs::read_to_string(&log)) {
                (ClusterError::Failed { step, output }, Ok(log)) => {
                    ClusterError::Failed { step, output: format!("{output}{log}") }
                }
                (error, _) => error,
            });
        }
        let server = fs::read_to_string(data.join("postmaster.pid"))?;
        Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(owner.to_string())
            .arg(server.lines().next().unwrap_or_default())
            .arg(folder)
            .current_dir("/")
            // A group of its own, so that Ctrl-C and a test runner's signals pass it by.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let host = socket.display();
        Ok(Self { url: format!("postgres://postgres@localhost/postgres?host={host}") })
    }
}

fn settings(socket: &Path) -> String {
    let fsync = match std::env::var("TEST_POSTGRES_FSYNC") {
        Ok(value) if value == "on" => "on",
        _ => "off",
    };
    format!(
        "\nlisten_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 200\n\
         fsync = {fsync}\nfull_page_writes = {fsync}\nshared_buffers = '128MB'\n\
         max_wal_size = '1GB'\nmax_prepared_transactions = 10\nlc_messages = 'C'\n",
        socket.display()
    )
}

/// A Unix socket's path is at most about 100 bytes, and root's own temporary folder may be closed
/// to the user that runs the server.
fn short_temporary_folder() -> PathBuf {
    let configured = std::env::temp_dir();
    let open = fs::metadata(&configured).is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
    if open && configured.as_os_str().len() <= 30 { configured } else { PathBuf::from("/tmp") }
}

/// The folder that holds `initdb` and `pg_ctl`: of PATH, else the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(folder) = std::env::split_paths(&path).find(complete) {
        return Some(folder);
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder)
}

fn unprivileged_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].into_iter().find_map(|wanted| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let mut ids = fields.skip(1).map(str::parse);
            let (uid, gid) = (ids.next()?.ok()?, ids.next()?.ok()?);
            (name == wanted).then_some((uid, gid))
        })
    })
}

fn command(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C").process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn run(command: &mut Command) -> Result<(), ClusterError> {
    // The output goes to a file and not to a pipe: the server would inherit the pipe and keep it
    // open.
    let mut output = tempfile::tempfile()?;
    let status = command.stdout(output.try_clone()?).stderr(output.try_clone()?).status()?;
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    io::Seek::rewind(&mut output)?;
    io::Read::read_to_string(&mut output, &mut text)?;
    Err(ClusterError::Failed { step: command.get_program().display().to_string(), output: text })
}
