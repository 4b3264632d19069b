//! Actions: dotted names, and the well-known ones.
//!
//! Nothing treats a well-known action specially; they are here so that the same thing has the same
//! name in every product that keeps a journal. Names of your own take the same form: the thing,
//! then what happened to it in the past tense (`invoice.approved`).

use crate::canonical::defect::Defect;

/// Someone signed in, or tried to: the outcome tells.
pub const USER_LOGIN: &str = "user.login";
/// Someone signed out.
pub const USER_LOGOUT: &str = "user.logout";
/// Someone was invited.
pub const USER_INVITED: &str = "user.invited";
/// Someone's role or permissions changed.
pub const USER_ROLE_CHANGED: &str = "user.role_changed";
/// A record came into being.
pub const RECORD_CREATED: &str = "record.created";
/// A record changed.
pub const RECORD_UPDATED: &str = "record.updated";
/// A record was deleted.
pub const RECORD_DELETED: &str = "record.deleted";
/// A setting changed.
pub const SETTINGS_CHANGED: &str = "settings.changed";
/// Someone asked for an export of data.
pub const EXPORT_REQUESTED: &str = "export.requested";
/// Someone took access they do not hold, for an emergency: see
/// [`Event::break_glass`](crate::Event::break_glass).
pub const ACCESS_BREAK_GLASS: &str = "access.break_glass";

/// The longest action, in bytes.
pub const MAX_ACTION: usize = 100;

/// What every reserved action starts with.
pub(crate) const RESERVED: &str = "journal.";

/// For messages: which reserved actions there are.
pub(crate) const RESERVED_FORM: &str = "a reserved action of this format";

/// Whether `action` is one that only the journal itself records (`journal.…`).
#[must_use]
pub fn is_reserved(action: &str) -> bool {
    action.starts_with(RESERVED)
}

/// For messages: the form of an action.
pub(crate) const FORM: &str = "a dotted name of at least two parts of a-z, 0-9 and _";

/// Refuses what is not a dotted lowercase name of at least two parts.
pub(crate) fn check(action: &str) -> Result<(), Defect> {
    if action.len() > MAX_ACTION {
        return Err(Defect::TooLong { bytes: action.len(), limit: MAX_ACTION });
    }
    let mut parts: usize = 1;
    let mut last = b'.';
    for byte in action.bytes() {
        let good = match byte {
            b'.' => last != b'.',
            b'a'..=b'z' | b'0'..=b'9' | b'_' => true,
            _ => false,
        };
        if !good {
            return Err(Defect::Form { expected: FORM });
        }
        parts = parts.saturating_add(usize::from(byte == b'.'));
        last = byte;
    }
    if parts < 2 || last == b'.' {
        return Err(Defect::Form { expected: FORM });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_actions_have_the_form() {
        for action in [
            USER_LOGIN,
            USER_LOGOUT,
            USER_INVITED,
            USER_ROLE_CHANGED,
            RECORD_CREATED,
            RECORD_UPDATED,
            RECORD_DELETED,
            SETTINGS_CHANGED,
            EXPORT_REQUESTED,
            ACCESS_BREAK_GLASS,
        ] {
            assert_eq!(check(action), Ok(()), "{action}");
            assert!(!is_reserved(action));
        }
    }

    #[test]
    fn the_form_is_two_dotted_lowercase_parts() {
        for good in ["a.b", "user.role_changed", "oauth2.token.issued", "auth.2fa_enabled"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "a", "a.", ".a", "a..b", "A.b", "a b.c", "a.b-c", "ä.b", "a.b\n"] {
            assert_eq!(check(bad), Err(Defect::Form { expected: FORM }), "{bad:?}");
        }
        assert_eq!(check(&format!("a.{}", "b".repeat(98))), Ok(()));
        assert_eq!(
            check(&format!("a.{}", "b".repeat(99))),
            Err(Defect::TooLong { bytes: 101, limit: 100 })
        );
    }
}
