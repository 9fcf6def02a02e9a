//! Names with texts, as paths, queries and forms have them, for serde.

use std::{borrow::Cow, fmt, vec};

use percent_encoding::percent_decode_str;
use serde::{
    Deserializer, de,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::rejection::short;

/// A list of names with their values.
pub(super) struct Pairs<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Whether a sequence is of the values alone, and one value may stand for itself.
    positional: bool,
}

/// Why pairs are not what is wanted.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) kind: Kind,
    pub(super) field: Option<String>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The pairs cannot be read.
    Syntax,
    /// A field has no value.
    Missing,
    /// A value is not what is wanted.
    Value,
    /// No pairs could ever be what is wanted.
    Type,
}

impl<'a> Pairs<'a> {
    /// The parameters of a path: named, or by position.
    pub(super) fn of_path(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs = parameters.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)));
        Self {
            pairs: pairs.collect(),
            positional: true,
        }
    }

    /// A query or a form, decoded as the WHATWG's URL standard has it (section 5.1), except that what is not UTF-8 is an
    /// error. At most 1,000 pairs, since each takes more memory than it has bytes.
    pub(super) fn of_form(text: &'a str) -> Result<Self, Mismatch> {
        const MOST: usize = 1000;
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MOST {
                return Err(Mismatch::syntax(format!(
                    "there are more than {MOST} pairs"
                )));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decoded(name)?, decoded(value)?));
        }
        Ok(Self {
            pairs,
            positional: false,
        })
    }

    pub(super) fn deserialize<T: DeserializeOwned>(self) -> Result<T, Mismatch> {
        T::deserialize(self)
    }

    fn unsuited(&self, wanted: &str) -> Mismatch {
        let count = self.pairs.len();
        let there = if self.positional {
            format!("{count} parameters")
        } else {
            "names with values".to_owned()
        };
        Mismatch::new(Kind::Type, format!("{there} cannot be {wanted}"))
    }

    /// The only parameter.
    fn only(mut self) -> Result<(Cow<'a, str>, Texts<'a>), Mismatch> {
        if self.positional && self.pairs.len() == 1 {
            let (name, value) = self.pairs.remove(0);
            return Ok((name, Texts::one(value)));
        }
        Err(self.unsuited("one value"))
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.positional {
            let values = self.pairs.into_iter();
            let values = values.map(|(name, value)| (name, Texts::one(value)));
            return visitor.visit_seq(Values(values));
        }
        let pairs = self.pairs.into_iter();
        visitor.visit_seq(de::value::SeqDeserializer::new(pairs.map(Pair)))
    }

    /// Those of one name together, which keep their order.
    fn grouped(mut self) -> Vec<(Cow<'a, str>, Texts<'a>)> {
        self.pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut groups: Vec<(Cow<'a, str>, Texts<'a>)> = Vec::new();
        for (name, value) in self.pairs {
            match groups.last_mut() {
                Some((last, texts)) if *last == name => texts.more.push(value),
                _ => groups.push((name, Texts::one(value))),
            }
        }
        groups
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Mismatch> {
    let not_utf8 = |_| Mismatch::syntax("an escape is not UTF-8".to_owned());
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(not_utf8);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    Ok(decoded.map_err(not_utf8)?.into_owned().into())
}

/// Deserialises the only parameter of a path.
macro_rules! only_value {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let (field, texts) = self.only()?;
            let value = texts.$deserialize(visitor);
            value.map_err(|mismatch| mismatch.of(&field))
        }
    )*};
}

impl<'de> Deserializer<'de> for Pairs<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_map(Fields {
            rest: self.grouped().into_iter(),
            next: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.sequence(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if !self.positional || self.pairs.len() != length {
            return Err(self.unsuited(&format!("{length} values in a row")));
        }
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.pairs.is_empty() {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let (field, texts) = self.only()?;
        let value = texts.deserialize_enum(name, variants, visitor);
        value.map_err(|mismatch| mismatch.of(&field))
    }

    only_value! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_identifier
    }
}

/// The fields of a struct or map.
struct Fields<'a> {
    rest: vec::IntoIter<(Cow<'a, str>, Texts<'a>)>,
    next: Option<(Cow<'a, str>, Texts<'a>)>,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        self.next = self.rest.next();
        let Some((name, _)) = &self.next else {
            return Ok(None);
        };
        let key = seed.deserialize(StrDeserializer::new(name));
        key.map(Some)
            .map_err(|mismatch: Mismatch| mismatch.of(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let (name, texts) = self.next.take().expect("a key comes before its value");
        let value = seed.deserialize(texts);
        value.map_err(|mismatch| mismatch.of(&name))
    }
}

/// Values by position.
struct Values<I>(I);

impl<'de, 'a, I> de::SeqAccess<'de> for Values<I>
where
    I: Iterator<Item = (Cow<'a, str>, Texts<'a>)>,
{
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        let Some((name, texts)) = self.0.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(texts);
        value.map(Some).map_err(|mismatch| mismatch.of(&name))
    }
}

/// A name and its value, as a tuple of two.
struct Pair<'a>((Cow<'a, str>, Cow<'a, str>));

impl IntoDeserializer<'_, Mismatch> for Pair<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Pair<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let (name, value) = self.0;
        let both = [Texts::one(name.clone()), Texts::one(value)];
        let both = both.into_iter().map(|texts| (name.clone(), texts));
        visitor.visit_seq(Values(both))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The values of one name: at least one.
struct Texts<'a> {
    first: Cow<'a, str>,
    more: Vec<Cow<'a, str>>,
}

impl<'a> Texts<'a> {
    fn one(text: Cow<'a, str>) -> Self {
        Self {
            first: text,
            more: Vec::new(),
        }
    }

    fn only(self) -> Result<Cow<'a, str>, Mismatch> {
        if self.more.is_empty() {
            return Ok(self.first);
        }
        let times = self.more.len() + 1;
        Err(Mismatch::value(format!("given {times} times")))
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident $type:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let text = self.only()?;
            match text.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Mismatch::unparsed(&text, stringify!($type))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Texts<'_> {
    type Error = Mismatch;

    parsed! {
        deserialize_bool visit_bool bool
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
    }

    /// Several values are a sequence, to who takes whatever there is.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if !self.more.is_empty() {
            return self.deserialize_seq(visitor);
        }
        match self.first {
            Cow::Borrowed(text) => visitor.visit_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        Self::one(self.only()?).deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let all = std::iter::once(self.first).chain(self.more);
        visitor.visit_seq(de::value::SeqDeserializer::new(all.map(Self::one)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let times = self.more.len() + 1;
        if times != length {
            let text = format!("given {times} times, not {length}");
            return Err(Mismatch::value(text));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_enum(StrDeserializer::new(&self.only()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct map struct identifier
    }
}

impl IntoDeserializer<'_, Mismatch> for Texts<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Mismatch {
    fn new(kind: Kind, text: String) -> Self {
        Self {
            kind,
            field: None,
            text,
        }
    }

    pub(super) fn syntax(text: String) -> Self {
        Self::new(Kind::Syntax, text)
    }

    fn value(text: String) -> Self {
        Self::new(Kind::Value, text)
    }

    fn unparsed(text: &str, wanted: &str) -> Self {
        Self::value(format!("`{}` is no `{wanted}`", short(text.to_owned())))
    }

    fn of(mut self, field: &str) -> Self {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }
}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::value(short(text.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing, "it is missing".to_owned()).of(field)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Mismatch {}
