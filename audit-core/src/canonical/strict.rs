//! From any `Serialize` to a JSON value, refusing what `serde_json::to_value` would silently turn
//! into something else: NaN and infinities (`null`), and members that appear twice (the last wins).

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Map, Number, Value};

use super::defect::{Defect, Located};

/// The JSON value of `value`, exactly.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, Located> {
    value.serialize(Strict)
}

/// serde's own requirement; the host's message is dropped since it may repeat a value.
impl Error for Located {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Defect::Unserializable.into()
    }
}

impl std::fmt::Display for Located {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.defect.fmt(f)
    }
}

impl std::error::Error for Located {}

struct Strict;

impl Serializer for Strict {
    type Ok = Value;
    type Error = Located;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    fn serialize_bool(self, value: bool) -> Result<Value, Located> {
        Ok(Value::Bool(value))
    }
    fn serialize_i8(self, value: i8) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_i128(self, value: i128) -> Result<Value, Located> {
        i64::try_from(value).map(Value::from).map_err(|_| Defect::Inexact.into())
    }
    fn serialize_u8(self, value: u8) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result<Value, Located> {
        Ok(value.into())
    }
    fn serialize_u128(self, value: u128) -> Result<Value, Located> {
        u64::try_from(value).map(Value::from).map_err(|_| Defect::Inexact.into())
    }
    fn serialize_f32(self, value: f32) -> Result<Value, Located> {
        self.serialize_f64(value.into())
    }
    fn serialize_f64(self, value: f64) -> Result<Value, Located> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| Defect::NotFinite.into())
    }
    fn serialize_char(self, value: char) -> Result<Value, Located> {
        Ok(Value::String(value.into()))
    }
    fn serialize_str(self, value: &str) -> Result<Value, Located> {
        Ok(Value::String(value.to_owned()))
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<Value, Located> {
        Ok(value.iter().copied().map(Value::from).collect())
    }
    fn serialize_none(self) -> Result<Value, Located> {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Located> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, Located> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Located> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Located> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Located> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Located> {
        let value = value.serialize(self).map_err(|error| error.within(variant))?;
        Ok(tagged(Some(variant), value))
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Items, Located> {
        // A foreign length is a hint, not a reason to reserve memory.
        let capacity = std::cmp::min(len.unwrap_or(0), 256);
        Ok(Items { variant: None, items: Vec::with_capacity(capacity) })
    }
    fn serialize_tuple(self, len: usize) -> Result<Items, Located> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items, Located> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Located> {
        Ok(Items { variant: Some(variant), items: Vec::new() })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members, Located> {
        Ok(Members { variant: None, members: Map::new(), key: None, verbatim: false })
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Members, Located> {
        // serde_json passes its own raw values, and numbers under `arbitrary_precision`, as
        // structs of this name with one member: their text.
        let verbatim = name.starts_with("$serde_json::private::");
        Ok(Members { variant: None, members: Map::new(), key: None, verbatim })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members, Located> {
        Ok(Members { variant: Some(variant), members: Map::new(), key: None, verbatim: false })
    }
}

/// An enum's variant with data is an object of one member.
fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(Map::from_iter([(variant.to_owned(), value)])),
        None => value,
    }
}

struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Located> {
        let index = self.items.len();
        self.items.push(to_value(value).map_err(|error| error.within(index))?);
        Ok(())
    }

    fn finish(self) -> Value {
        tagged(self.variant, Value::Array(self.items))
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident),*) => {$(
        impl $trait for Items {
            type Ok = Value;
            type Error = Located;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Located> {
                self.item(value)
            }

            fn end(self) -> Result<Value, Located> {
                Ok(self.finish())
            }
        }
    )*};
}

items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

struct Members {
    variant: Option<&'static str>,
    members: Map<String, Value>,
    key: Option<String>,
    verbatim: bool,
}

impl Members {
    fn member<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), Located> {
        let value = to_value(value).map_err(|error| error.within(&key))?;
        match self.members.entry(key) {
            serde_json::map::Entry::Occupied(entry) => {
                Err(Located::from(Defect::Duplicate).within(entry.key()))
            }
            serde_json::map::Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Value, Located> {
        if self.verbatim {
            // Numbers only: any other text could hide members that appear twice.
            let text = self.members.values().next().and_then(Value::as_str).unwrap_or("");
            let number: Number = serde_json::from_str(text).map_err(|_| Defect::Unserializable)?;
            return Ok(Value::Number(number));
        }
        Ok(tagged(self.variant, Value::Object(self.members)))
    }
}

impl SerializeMap for Members {
    type Ok = Value;
    type Error = Located;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Located> {
        // As serde_json does: numbers and booleans become their text.
        self.key = Some(match to_value(key)? {
            Value::String(key) => key,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Defect::Unserializable.into());
            }
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Located> {
        let key = self.key.take().ok_or(Defect::Unserializable)?;
        self.member(key, value)
    }

    fn end(self) -> Result<Value, Located> {
        self.finish()
    }
}

macro_rules! members {
    ($($trait:ident),*) => {$(
        impl $trait for Members {
            type Ok = Value;
            type Error = Located;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Located> {
                self.member(key.to_owned(), value)
            }

            fn end(self) -> Result<Value, Located> {
                self.finish()
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);
