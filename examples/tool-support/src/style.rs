//! What a terminal shows: colours only where they are wanted, and no letter that acts.

use std::borrow::Cow;
use std::fmt;
use std::io::IsTerminal;

/// Whether output may carry colours: on a terminal, unless `NO_COLOR` is set or it is a dumb one.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// For standard output.
    #[must_use]
    pub fn stdout() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        Self { colours: std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb }
    }

    /// Without colours, for a file.
    #[must_use]
    pub const fn plain() -> Self {
        Self { colours: false }
    }

    /// Important.
    #[must_use]
    pub fn bold<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("1", text)
    }

    /// As it should be.
    #[must_use]
    pub fn good<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("1;32", text)
    }

    /// As it should not be.
    #[must_use]
    pub fn bad<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("1;31", text)
    }

    /// Not known.
    #[must_use]
    pub fn open<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("1;33", text)
    }

    /// Beside the point.
    #[must_use]
    pub fn soft<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("2", text)
    }

    fn paint<T>(self, code: &'static str, text: T) -> Painted<T> {
        Painted { code: self.colours.then_some(code), text }
    }
}

/// A text and its colour.
#[derive(Debug)]
pub struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => self.text.fmt(f),
            Some(code) => {
                write!(f, "\x1b[{code}m")?;
                self.text.fmt(f)?;
                f.write_str("\x1b[0m")
            }
        }
    }
}

/// `text` without anything that would move the cursor, change colours or reorder letters: what
/// stands in a journal was written by others.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let acts = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(acts) {
        let mut out = String::with_capacity(text.len().saturating_mul(2));
        for letter in text.chars() {
            if acts(letter) {
                out.extend(letter.escape_unicode());
            } else {
                out.push(letter);
            }
        }
        Cow::Owned(out)
    } else {
        Cow::Borrowed(text)
    }
}

/// `2900` as `2,900`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len().saturating_mul(2));
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 finding`, `2,900 findings`.
#[must_use]
pub fn number_of(number: u64, what: &str) -> String {
    let number_and = grouped(number);
    if number == 1 {
        return format!("{number_and} {what}");
    }
    match what.strip_suffix('y') {
        Some(stem) => format!("{number_and} {stem}ies"),
        None if what.ends_with("ch") => format!("{number_and} {what}es"),
        None => format!("{number_and} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_agree_with_their_number() {
        for (number, what, text) in [
            (1, "entry", "1 entry"),
            (2, "entry", "2 entries"),
            (0, "batch", "0 batches"),
            (1_000, "row", "1,000 rows"),
        ] {
            assert_eq!(number_of(number, what), text);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in
            [(0, "0"), (7, "7"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn nothing_printed_acts() {
        assert_eq!(printable("züri 日本"), "züri 日本");
        assert_eq!(printable("a\x1b[31mb\u{202e}c\r\n"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\\u{a}");
    }

    #[test]
    fn no_colours_no_escapes() {
        let plain = Style { colours: false };
        assert_eq!(plain.bad("x").to_string(), "x");
        assert_eq!(Style { colours: true }.good("x").to_string(), "\x1b[1;32mx\x1b[0m");
    }
}
