//! How a behaviour becomes two tests, and how long the heavy ones run.

/// Whether the heavy tests run in full (`AUDIT_LONG=1`, set by `./test.sh --long`).
#[must_use]
pub fn long() -> bool {
    std::env::var_os("AUDIT_LONG").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The size of a heavy test: `short` in an ordinary run, `full` in a [`long`] one.
#[must_use]
pub fn scaled<T>(short: T, full: T) -> T {
    if long() { full } else { short }
}

/// Makes two tests of each named behaviour `async fn name<T: TestDatabase>(db: T)`: `sqlite::name`
/// and `postgres::name`, each on a fresh database and a runtime of several threads.
///
/// Where the behaviour needs more of the database, it says so in its bounds, for example
/// `T: TestDatabase<Db: Backend>`. One invocation per module: it makes the modules `sqlite` and
/// `postgres`. Attributes may stand before a name.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$attribute:meta])* $name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                $(#[$attribute])*
                #[test]
                fn $name() {
                    $crate::run::<$crate::TestSqlite, _>(super::$name);
                }
            )+
        }
        mod postgres {
            $(
                $(#[$attribute])*
                #[test]
                fn $name() {
                    $crate::run::<$crate::TestPg, _>(super::$name);
                }
            )+
        }
    };
}
