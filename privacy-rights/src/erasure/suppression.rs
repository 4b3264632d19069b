//! Who was erased, so that nobody brings them back: keyed tokens, not names.

use crypto_fields::{
    BlindIndex, BlindIndexError, DataKey, FieldId, IndexWidth, NameError, Normalizer,
};

use crate::source::selection::{Identifier, Selection};

/// A token could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The value is not of the form of its kind, or the key not one for this.
    #[error("the token of an identifier cannot be computed")]
    Index(#[from] BlindIndexError),
    /// The kind cannot be the name of an index.
    #[error("the kind of an identifier cannot be the name of an index")]
    Kind(#[from] NameError),
}

/// Makes the tokens by which erased people, and people's preferences, are known: HMAC-SHA-256 of an
/// identifier, 128 bits, under a tenant's key, another for each kind and table.
///
/// Without the key nobody can tell whose a token is, nor try guesses. It is a pseudonym all the same,
/// and the key belongs outside of the database.
pub struct SuppressionTokens {
    key: DataKey,
    emails: Vec<String>,
}

impl SuppressionTokens {
    /// Under a key of purpose [`BlindIndex`](crypto_fields::Purpose::BlindIndex). Identifiers of the
    /// kind `email` are compared as e-mail addresses, others without regard of case.
    #[must_use]
    pub fn new(key: DataKey) -> Self {
        Self { key, emails: vec!["email".to_owned()] }
    }

    /// Identifiers of that kind are e-mail addresses, too.
    #[must_use]
    pub fn email(mut self, kind: impl Into<String>) -> Self {
        self.emails.push(kind.into());
        self
    }

    /// The token of an identifier, by which erased people are known.
    pub(crate) fn token(&self, identifier: &Identifier) -> Result<String, TokenError> {
        self.token_for("privacy_suppression", identifier)
    }

    /// The token of an identifier in a table: another one in each.
    pub(crate) fn token_for(
        &self,
        table: &str,
        identifier: &Identifier,
    ) -> Result<String, TokenError> {
        let kind = identifier.kind();
        let id = FieldId::new(format!("{table}.{kind}"))?;
        let is_email = self.emails.iter().any(|email| email == kind);
        // What is no address has a token all the same.
        let is_email = is_email && Normalizer::Email.apply(identifier.value()).is_ok();
        let normalizer = if is_email { Normalizer::Email } else { Normalizer::CaseFold };
        let index = BlindIndex::new(1, &self.key, id, normalizer, IndexWidth::UNIQUE)?;
        let value = index.value(identifier.value())?;
        let bytes = value.map(crypto_fields::BlindIndexValue::into_bytes).unwrap_or_default();
        Ok(base16ct::lower::encode_string(&bytes))
    }

    /// The tokens of a person.
    pub(crate) fn tokens(&self, person: &Selection) -> Result<Vec<String>, TokenError> {
        person.identifiers().map(|identifier| self.token(identifier)).collect()
    }
}

impl std::fmt::Debug for SuppressionTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SuppressionTokens").finish_non_exhaustive()
    }
}
