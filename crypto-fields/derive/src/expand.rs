//! What the macro makes of a struct.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Field, Fields, GenericArgument, Ident, PathArguments, Type};

use crate::attributes::{OfField, OfStruct};

/// The parts that one field adds.
struct Part {
    declared: TokenStream,
    sealed: TokenStream,
    opened: TokenStream,
    registered: Option<TokenStream>,
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "only a struct has fields to seal"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(input, "the fields need names"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "a generic struct is not supported"));
    }
    let of_struct = OfStruct::read(&input.attrs)?;
    let mut parts = Vec::new();
    let mut names = BTreeSet::new();
    for field in &fields.named {
        if let (Some(name), Some(attributes)) = (&field.ident, OfField::read(&field.attrs)?) {
            let part = sealed(field, name, &attributes)?;
            if !names.insert(attributes.field.map(|name| name.value())) {
                return Err(Error::new_spanned(field, "another field has this name already"));
            }
            parts.push(part);
        } else if let Some(name) = &field.ident {
            parts.push(plain(field, name));
        }
    }
    if names.is_empty() {
        let message = "no field is sealed: mark one with #[seal(field = \"table.column\")]";
        return Err(Error::new_spanned(&input.ident, message));
    }

    let (visibility, name) = (&input.vis, &input.ident);
    let row = of_struct.row.unwrap_or_else(|| format_ident!("Sealed{name}"));
    let derive = of_struct.derive.map(|derives| quote!(#[derive(#derives)]));
    let doc = format!("[`{name}`] with its fields sealed: a row as it is stored.");
    let declared = parts.iter().map(|part| &part.declared);
    let sealed = parts.iter().map(|part| &part.sealed);
    let opened = parts.iter().map(|part| &part.opened);
    let registered = parts.iter().filter_map(|part| part.registered.as_ref());
    Ok(quote! {
        #[doc = #doc]
        #derive
        #visibility struct #row {
            #(#declared,)*
        }

        #[automatically_derived]
        impl ::crypto_fields::SealFields for #name {
            type Row = #row;

            const FIELDS: &'static [::crypto_fields::SealedField] = &[#(#registered),*];

            fn seal_row(
                &self,
                row: &::crypto_fields::RowContext<'_>,
            ) -> ::core::result::Result<#row, ::crypto_fields::SealError> {
                ::core::result::Result::Ok(#row { #(#sealed,)* })
            }

            fn open_row(
                row: &::crypto_fields::RowContext<'_>,
                sealed: &#row,
            ) -> ::core::result::Result<Self, ::crypto_fields::OpenError> {
                ::core::result::Result::Ok(Self { #(#opened,)* })
            }
        }

        #[automatically_derived]
        impl #row {
            /// Opens the row in its context.
            ///
            /// # Errors
            ///
            /// The first field that does not open.
            #visibility fn open_row(
                &self,
                row: &::crypto_fields::RowContext<'_>,
            ) -> ::core::result::Result<#name, ::crypto_fields::OpenError> {
                <#name as ::crypto_fields::SealFields>::open_row(row, self)
            }
        }
    })
}

/// A field that stays as it is.
fn plain(field: &Field, name: &Ident) -> Part {
    let (visibility, kind) = (&field.vis, &field.ty);
    let doc = format!("As in the opened row: `{name}`.");
    Part {
        declared: quote!(#[doc = #doc] #visibility #name: #kind),
        sealed: quote!(#name: ::core::clone::Clone::clone(&self.#name)),
        opened: quote!(#name: ::core::clone::Clone::clone(&sealed.#name)),
        registered: None,
    }
}

fn sealed(field: &Field, name: &Ident, attributes: &OfField) -> syn::Result<Part> {
    let Some(id) = &attributes.field else {
        let message = "a sealed field needs a name that stays: field = \"table.column\"";
        return Err(Error::new_spanned(field, message));
    };
    let (column, seal, open) = if attributes.text {
        (quote!(SealedText), quote!(seal_text), quote!(open_text))
    } else {
        (quote!(Sealed), quote!(seal), quote!(open))
    };
    let (padded, deterministic) = (attributes.padded, attributes.deterministic);
    let group = attributes.group.as_ref().map_or_else(|| "default".to_owned(), |it| it.value());
    let cipher = quote! {
        ::crypto_fields::__private::field(#id, #group, #padded, #deterministic)
            .mode(row.field_mode())
    };
    let visibility = &field.vis;
    let doc = format!("Sealed as `{}`.", id.value());
    let (declared, sealed, opened) = match optional(&field.ty) {
        None => {
            let kind = &field.ty;
            (
                quote!(::crypto_fields::#column<#kind>),
                quote!(#cipher.#seal(row, &self.#name)?),
                quote!(#cipher.#open(row, &sealed.#name)?),
            )
        }
        // NULL stays NULL: that a value is not set is not hidden.
        Some(kind) => (
            quote!(::core::option::Option<::crypto_fields::#column<#kind>>),
            quote! {
                self.#name.as_ref().map(|value| #cipher.#seal(row, value)).transpose()?
            },
            quote! {
                sealed.#name.as_ref().map(|value| #cipher.#open(row, value)).transpose()?
            },
        ),
    };
    let column_name = name.to_string();
    let index = match &attributes.index {
        Some(index) => quote!(::core::option::Option::Some(#index)),
        None => quote!(::core::option::Option::None),
    };
    Ok(Part {
        declared: quote!(#[doc = #doc] #visibility #name: #declared),
        sealed: quote!(#name: #sealed),
        opened: quote!(#name: #opened),
        registered: Some(quote! {
            ::crypto_fields::SealedField::new(#id, #column_name, #index)
        }),
    })
}

/// The type inside of an `Option`.
fn optional(kind: &Type) -> Option<&Type> {
    let Type::Path(path) = kind else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}
