//! Columns of SQLite and PostgreSQL: `Sealed` as bytes, `SealedText` as text.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

use super::{Sealed, SealedText};

impl<T, DB: Database> Type<DB> for Sealed<T>
where
    Vec<u8>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        Vec::<u8>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        Vec::<u8>::compatible(ty)
    }
}

impl<'q, T, DB: Database> Encode<'q, DB> for Sealed<T>
where
    Vec<u8>: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.bytes.encode_by_ref(buf)
    }
}

impl<'r, T, DB: Database> Decode<'r, DB> for Sealed<T>
where
    Vec<u8>: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Vec::<u8>::decode(value).map(Self::from_bytes)
    }
}

impl<T, DB: Database> Type<DB> for SealedText<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        String::compatible(ty)
    }
}

impl<'q, T, DB: Database> Encode<'q, DB> for SealedText<T>
where
    String: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.text.encode_by_ref(buf)
    }
}

impl<'r, T, DB: Database> Decode<'r, DB> for SealedText<T>
where
    String: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        String::decode(value).map(Self::from_text)
    }
}
