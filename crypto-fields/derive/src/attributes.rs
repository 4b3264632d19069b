//! What stands in `#[seal(..)]`.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Ident, LitStr};

/// `#[seal(row = "UserRow", derive(Debug, Clone))]` at a struct.
#[derive(Default)]
pub(crate) struct OfStruct {
    pub(crate) row: Option<Ident>,
    pub(crate) derive: Option<TokenStream>,
}

/// `#[seal(field = "users.email", index = "email", ..)]` at a field.
#[derive(Default)]
pub(crate) struct OfField {
    pub(crate) field: Option<LitStr>,
    pub(crate) index: Option<LitStr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) padded: bool,
    pub(crate) deterministic: bool,
    pub(crate) text: bool,
}

impl OfStruct {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("row") {
                read.row = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            } else if meta.path.is_ident("derive") {
                let inner;
                syn::parenthesized!(inner in meta.input);
                read.derive = Some(inner.parse()?);
            } else {
                return Err(meta.error("a struct takes `row` and `derive`"));
            }
            Ok(())
        })?;
        Ok(read)
    }
}

impl OfField {
    /// `None` for a field that is not sealed.
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Option<Self>> {
        if !attributes.iter().any(|attribute| attribute.path().is_ident("seal")) {
            return Ok(None);
        }
        let mut read = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("field") {
                read.field = Some(name(&meta)?);
            } else if meta.path.is_ident("index") {
                read.index = Some(name(&meta)?);
            } else if meta.path.is_ident("group") {
                read.group = Some(name(&meta)?);
            } else if meta.path.is_ident("padded") {
                read.padded = true;
            } else if meta.path.is_ident("deterministic") {
                read.deterministic = true;
            } else if meta.path.is_ident("text") {
                read.text = true;
            } else {
                return Err(meta.error(
                    "a field takes `field`, `index`, `group`, `padded`, `deterministic` and `text`",
                ));
            }
            Ok(())
        })?;
        Ok(Some(read))
    }
}

fn each(
    attributes: &[Attribute],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("seal")) {
        attribute.parse_nested_meta(&mut read)?;
    }
    Ok(())
}

/// A name as `crypto-fields` admits it, so that what is generated cannot fail by it.
fn name(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let literal: LitStr = meta.value()?.parse()?;
    let name = literal.value();
    if name.is_empty() || name.len() > 255 || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "a name is 1 to 255 characters of printable ASCII without spaces";
        return Err(syn::Error::new(literal.span(), message));
    }
    Ok(literal)
}
