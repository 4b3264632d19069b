//! The derive macro of `crypto-fields`. Not for direct use: it is exported, and documented, there.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes the sealed form of a struct, `seal_row` to it and `open_row` from it.
///
/// It is documented in `crypto-fields`, at `SealFields`.
#[proc_macro_derive(SealFields, attributes(seal))]
pub fn seal_fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
