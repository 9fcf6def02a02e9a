//! A body in chunks (RFC 9112, section 7.1).

use super::{
    Fault,
    head::line_end,
    octets::{TOKEN, VALUE, is, is_space, long_run},
};

/// What the next byte of a chunked body is part of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chunks {
    Size {
        digits: u8,
        size: u64,
    },
    /// Whitespace, which only an extension may follow.
    Space(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataEnded,
    /// A line after the last chunk.
    Trailer,
    Name,
    Value,
    TrailerEnd,
    End,
}

/// No body has 2^60 bytes, and sizes near 2^64 are made to overflow.
const MOST_DIGITS: u8 = 15;

impl Chunks {
    pub(super) fn start() -> Self {
        Self::Size { digits: 0, size: 0 }
    }

    /// Takes bytes up to the end of the body. Returns how many it took, and whether that was the end.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), Fault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Self::Data(left) = *self {
                let length = usize::try_from(left)
                    .map_or(bytes.len() - at, |left| left.min(bytes.len() - at));
                *self = match left - length as u64 {
                    0 => Self::DataEnd,
                    left => Self::Data(left),
                };
                at += length;
                continue;
            }
            let next = self.take(byte).map_err(|why| Fault { at, why })?;
            at += 1;
            let Some(next) = next else {
                return Ok((at, true));
            };
            *self = next;
            if let Self::Extension(_) | Self::Value = next {
                at += long_run::<VALUE>(&bytes[at..]);
            }
        }
        Ok((at, false))
    }

    /// `None` at the end.
    fn take(self, byte: u8) -> Result<Option<Self>, &'static str> {
        Ok(Some(match (self, byte) {
            (Self::Size { digits: 1.., size } | Self::Extension(size), b'\r') => {
                Self::SizeEnd(size)
            }
            (Self::Size { digits: 1.., size } | Self::Space(size), b';') => Self::Extension(size),
            (Self::Size { digits: 1.., size } | Self::Space(size), _) if is_space(byte) => {
                Self::Space(size)
            }
            (Self::Size { digits, size }, _) => longer(digits, size, byte)?,
            (Self::Space(_), _) => return Err("whitespace after a chunk's size"),
            (Self::Extension(_), _) if is(byte, VALUE) => self,
            (Self::Extension(_), _) => return Err("a byte that no chunk extension has"),
            (Self::SizeEnd(0) | Self::TrailerEnd, _) => line_end(byte, Self::Trailer)?,
            (Self::SizeEnd(size), _) => line_end(byte, Self::Data(size))?,
            (Self::Data(_) | Self::DataEnd, b'\r') => Self::DataEnded,
            (Self::Data(_) | Self::DataEnd, _) => return Err("more data than the chunk's size"),
            (Self::DataEnded, _) => line_end(byte, Self::start())?,
            (Self::Trailer, b'\r') => Self::End,
            (Self::Trailer | Self::Name, _) if is(byte, TOKEN) => Self::Name,
            (Self::Trailer, _) => return Err("no field name"),
            (Self::Name, b':') => Self::Value,
            (Self::Name, _) => return Err("a byte that no field name has"),
            (Self::Value, b'\r') => Self::TrailerEnd,
            (Self::Value, _) if is(byte, VALUE) => self,
            (Self::Value, _) => return Err("a byte that no field value has"),
            (Self::End, _) => {
                line_end(byte, ())?;
                return Ok(None);
            }
        }))
    }
}

/// One more digit of a chunk's size.
fn longer(digits: u8, size: u64, byte: u8) -> Result<Chunks, &'static str> {
    let digit = char::from(byte).to_digit(16).ok_or("no chunk size")?;
    if digits == MOST_DIGITS {
        return Err("too great a chunk size");
    }
    Ok(Chunks::Size {
        digits: digits + 1,
        size: size << 4 | u64::from(digit),
    })
}
