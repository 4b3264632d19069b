//! Types that stand in a column as another one: as bytes or as text.

/// Implements the three traits of a column, and arrays of it for `= ANY($1)`: how it is written as
/// the other type, and how it is read from that.
macro_rules! column {
    ($name:ty as $stored:ty, $write:expr, $read:expr) => {
        impl<DB: ::sqlx::Database> ::sqlx::Type<DB> for $name
        where
            $stored: ::sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$stored as ::sqlx::Type<DB>>::type_info()
            }

            fn compatible(info: &DB::TypeInfo) -> bool {
                <$stored as ::sqlx::Type<DB>>::compatible(info)
            }
        }

        #[cfg(feature = "postgres")]
        impl ::sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> ::sqlx::postgres::PgTypeInfo {
                <$stored as ::sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl<'q, DB: ::sqlx::Database> ::sqlx::Encode<'q, DB> for $name
        where
            $stored: ::sqlx::Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buffer: &mut DB::ArgumentBuffer,
            ) -> Result<::sqlx::encode::IsNull, ::sqlx::error::BoxDynError> {
                let write: fn(&Self) -> $stored = $write;
                <$stored as ::sqlx::Encode<'q, DB>>::encode(write(self), buffer)
            }
        }

        impl<'r, DB: ::sqlx::Database> ::sqlx::Decode<'r, DB> for $name
        where
            $stored: ::sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, ::sqlx::error::BoxDynError> {
                let read: fn($stored) -> Result<Self, ::sqlx::error::BoxDynError> = $read;
                read(<$stored as ::sqlx::Decode<'r, DB>>::decode(value)?)
            }
        }
    };
}
pub(crate) use column;
