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
                let (address, parameters) = match rest.split_once('?') {
                    Some((address, parameters)) => (address, Some(parameters)),
                    None => (rest, None),
                };
                let authority = address.split('/').next().unwrap_or_default();
                let path = address.strip_prefix(authority).unwrap_or_default();
                let host = match authority.rsplit_once('@') {
                    Some((user, host)) => {
                        format!("{}@{host}", user.split(':').next().unwrap_or_default())
                    }
                    None => authority.to_owned(),
                };
                write!(f, "{scheme}://{host}{path}")?;
                // Only where the server is; anything else may be a secret.
                for parameter in parameters.unwrap_or_default().split('&') {
                    if parameter.starts_with("host=") || parameter.starts_with("port=") {
                        write!(f, "?{parameter}")?;
                    }
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
            ("postgres://u:p@ss@h/d", "postgres://u@h/d"),
        ] {
            assert_eq!(url.parse::<Database>().unwrap().to_string(), shown);
        }
    }
}
