//! What counts as the same value.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use zeroize::Zeroizing;

use super::BlindIndexError;

/// Most characters of [`Normalizer::FirstN`].
const MAX_FIRST: u8 = 32;

/// What counts as the same value to an index.
///
/// Each has a name with a version ([`name`](Self::name)). What one of them makes of a text never
/// changes; a better rule comes as another one, and an index that takes it is a new version of the
/// index. (Unicode's own stability policies keep the foldings of assigned characters as they are.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Normalizer {
    /// The letters regardless of case and of how they are composed: Unicode's compatibility
    /// caseless match (definition D146), composed, without spaces around.
    CaseFold,
    /// The ASCII digits of the text, those of other scripts' full-width forms included. For
    /// telephone and card numbers; `+49` and `0049` stay different.
    Digits,
    /// An e-mail address: one `@` at least with something on both sides, as
    /// [`CaseFold`](Self::CaseFold) makes it. No provider's rules: dots and `+tags` count.
    Email,
    /// The text as it is, byte for byte.
    Exact,
    /// The first characters after [`CaseFold`](Self::CaseFold), all of them if there are fewer;
    /// 1 to 32, else the nearest of these. An index of prefixes is searched for with prefixes of
    /// that length.
    FirstN(u8),
    /// The last four digits, of at least four.
    Last4,
}

impl Normalizer {
    /// The name and version, to be kept beside the index's own version.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CaseFold => "nfkc-casefold/1",
            Self::Digits => "digits/1",
            Self::Email => "email/1",
            Self::Exact => "exact/1",
            Self::FirstN(_) => "first-n/1",
            Self::Last4 => "last4/1",
        }
    }

    /// What is hashed of a text. Empty if the text says nothing.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Form`] if a text that says something is not of the form.
    pub fn apply(self, text: &str) -> Result<Zeroizing<String>, BlindIndexError> {
        let normal = match self {
            Self::Exact => text.to_owned(),
            Self::CaseFold => caseless(text),
            Self::Digits => digits(text),
            Self::FirstN(count) => {
                let count = usize::from(count.clamp(1, MAX_FIRST));
                caseless(text).chars().take(count).collect()
            }
            Self::Email => {
                let address = caseless(text);
                let sides = address.rsplit_once('@');
                let whole = sides.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
                if !address.is_empty() && !whole {
                    return Err(self.refused());
                }
                address
            }
            Self::Last4 => {
                let digits = digits(text);
                match digits.len().checked_sub(4).and_then(|at| digits.get(at..)) {
                    Some(last) => last.to_owned(),
                    None if text.trim().is_empty() => String::new(),
                    None => return Err(self.refused()),
                }
            }
        };
        Ok(Zeroizing::new(normal))
    }

    const fn refused(self) -> BlindIndexError {
        BlindIndexError::Form { normalizer: self.name() }
    }
}

/// Unicode D146, `NFKD(fold(NFKD(fold(NFD(x)))))`, with the last step composing (NFKC).
fn caseless(text: &str) -> String {
    let (nfd, nfkd) = (DecomposingNormalizer::new_nfd(), DecomposingNormalizer::new_nfkd());
    let fold = CaseMapper::new();
    let once = nfkd.normalize(&fold.fold_string(&nfd.normalize(text.trim()))).into_owned();
    let twice = fold.fold_string(&once);
    // Compatibility forms of spaces show only now.
    ComposingNormalizer::new_nfkc().normalize(&twice).trim().to_owned()
}

fn digits(text: &str) -> String {
    let narrow = ComposingNormalizer::new_nfkc().normalize(text);
    narrow.chars().filter(char::is_ascii_digit).collect()
}
