//! The address of a database.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a journal stands. Displayed without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two databases there are; private to these tools")]
pub enum Database {
    /// A PostgreSQL URL.
    Postgres(String),
    /// The path of a SQLite file.
    Sqlite(PathBuf),
}

impl Database {
    /// The address, where `text` is spelt like one; `None` where it is something else.
    ///
    /// # Errors
    ///
    /// What is missing, or which scheme is not known.
    pub fn recognise(text: &str) -> Result<Option<Self>, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Some(Self::Postgres(text.to_owned())));
        }
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.starts_with(':') {
                return Err("sqlite: needs the path of a file after it".to_owned());
            }
            return Ok(Some(Self::Sqlite(PathBuf::from(path))));
        }
        match text.split_once(':') {
            Some((scheme, rest))
                if rest.starts_with("//")
                    || (scheme.len() > 1
                        && scheme.bytes().all(|letter| letter.is_ascii_alphanumeric())) =>
            {
                Err(format!("the scheme `{scheme}` is not known; sqlite:PATH and postgres://… are"))
            }
            _ => Ok(None),
        }
    }
}

impl FromStr for Database {
    type Err = String;

    /// Only what is spelt right is a database, so a misspelt address is never a new file.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::recognise(text)?.ok_or_else(|| "a database is sqlite:PATH or postgres://…".to_owned())
    }
}

impl fmt::Display for Database {
    /// Without the password, since this is printed and filed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
                // A password may hold letters that end it too early, so all up to the last sign
                // that may end it is left out, and everything where that is not to be told.
                let (user, address) = match address.rsplit_once('@') {
                    Some((user, address)) => (user.split([':', '/', '#']).next(), address),
                    None => (None, address),
                };
                let authority = address.split('/').next().unwrap_or_default();
                let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
                let is_address =
                    authority.contains('[') || port.bytes().all(|b| b.is_ascii_digit());
                if !is_address || (user.is_none() && parameters.contains('@')) {
                    return write!(f, "{scheme}://…");
                }
                write!(f, "{scheme}://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(address)?;
                // Only where the server is; anything else may be a secret.
                let shown = parameters
                    .split('&')
                    .filter(|one| one.starts_with("host=") || one.starts_with("port="));
                for (parameter, sign) in
                    shown.zip(std::iter::once('?').chain(std::iter::repeat('&')))
                {
                    write!(f, "{sign}{parameter}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_by_their_scheme() {
        for (text, path) in [
            ("sqlite:journal.db", "journal.db"),
            ("sqlite:/var/j.db", "/var/j.db"),
            ("sqlite:///var/j.db", "/var/j.db"),
        ] {
            assert_eq!(text.parse(), Ok(Database::Sqlite(path.into())), "{text}");
        }
        assert!(matches!("postgres://h/d".parse(), Ok(Database::Postgres(_))));
        assert!(matches!("postgresql://h/d".parse(), Ok(Database::Postgres(_))));
    }

    #[test]
    fn a_typo_is_an_error() {
        for text in [
            "sqlit:journal.db",
            "postgre://h/d",
            "journal.db",
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://h/d",
        ] {
            assert!(text.parse::<Database>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://u:secret@h:5432/d?sslmode=require&password=secret",
                "postgres://u@h:5432/d",
            ),
            ("postgres://h/d", "postgres://h/d"),
            ("postgres:///d?host=/run/pg&password=secret", "postgres:///d?host=/run/pg"),
            ("postgres:///d?host=/run/pg&port=5433", "postgres:///d?host=/run/pg&port=5433"),
            ("postgres://u:p@ss@h/d", "postgres://u@h/d"),
            ("postgres://u:pa/ss@h/d", "postgres://u@h/d"),
            ("postgres://u:pa?ss@h/d", "postgres://…"),
            ("postgres://u:12?ss@h/d", "postgres://…"),
            ("postgres://[::1]:5432/d", "postgres://[::1]:5432/d"),
        ] {
            assert_eq!(url.parse::<Database>().unwrap().to_string(), shown);
        }
    }
}
