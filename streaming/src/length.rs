//! A declared length, held against what comes.

use std::mem;

use bytes::Bytes;

use crate::Error;

/// `None` when no length was declared.
pub(crate) struct Length(Option<Declared>);

struct Declared {
    length: u64,
    /// How much the stream still has to give.
    missing: u64,
    /// The value that completes the length, until the stream has ended.
    last: Bytes,
}

impl Length {
    pub(crate) fn new(length: Option<u64>) -> Self {
        Self(length.map(|length| Declared {
            length,
            missing: length,
            last: Bytes::new(),
        }))
    }

    /// How many bytes are still to be given out; `None` when that is not known.
    pub(crate) fn rest(&self) -> Option<u64> {
        let declared = self.0.as_ref()?;
        Some(declared.missing + size(&declared.last))
    }

    /// The value, or nothing when it completes the length.
    pub(crate) fn pass(&mut self, value: Bytes) -> Result<Bytes, Error> {
        match &mut self.0 {
            Some(declared) if !value.is_empty() => declared.pass(value),
            _ => Ok(value),
        }
    }

    /// What was held back.
    pub(crate) fn finish(&mut self) -> Result<Bytes, Error> {
        match &mut self.0 {
            Some(declared) if declared.missing > 0 => {
                Err(Error::too_short(declared.length, declared.missing))
            }
            Some(declared) => Ok(mem::take(&mut declared.last)),
            None => Ok(Bytes::new()),
        }
    }
}

impl Declared {
    fn pass(&mut self, value: Bytes) -> Result<Bytes, Error> {
        let missing = self.missing.checked_sub(size(&value));
        self.missing = missing.ok_or_else(|| Error::too_long(self.length))?;
        if self.missing > 0 {
            return Ok(value);
        }
        self.last = value;
        Ok(Bytes::new())
    }
}

fn size(value: &Bytes) -> u64 {
    value.len() as u64
}
