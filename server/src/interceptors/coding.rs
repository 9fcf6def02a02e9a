//! Content codings, and what encodes and decodes them.

use std::{fmt, io, mem};

use bytes::{Buf, Bytes};
use compression_codecs::{
    BrotliDecoder, BrotliEncoder, DecodeV2, EncodeV2, GzipDecoder, GzipEncoder, ZlibDecoder,
    ZlibEncoder,
    brotli::params::EncoderParams,
    core::{
        Level,
        util::{PartialBuffer, WriteBuffer},
    },
};
#[cfg(feature = "zstd")]
use compression_codecs::{
    ZstdDecoder, ZstdEncoder,
    zstd::params::{CParameter, DParameter},
};
use http::HeaderValue;

/// A way to encode a body (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip` (RFC 1952). Every client can read it.
    Gzip,
    /// `deflate`, which is the zlib format (RFC 1950). Some clients and servers take it for the bare format inside of it; there is
    /// no reason to send it.
    Deflate,
    /// `br` (RFC 7932). Smaller than gzip at the same price.
    Brotli,
    /// `zstd` (RFC 8878), with a window of 8 MiB at most (RFC 9659). Much faster than the others. Takes the feature `zstd`, which
    /// needs a C compiler.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// Each of them, the best for a response of the moment first.
pub(super) const ALL: &[Coding] = &[
    #[cfg(feature = "zstd")]
    Coding::Zstd,
    Coding::Brotli,
    Coding::Gzip,
    Coding::Deflate,
];

/// [`ALL`] as a request's `Accept-Encoding` would have them.
#[cfg(feature = "zstd")]
pub(super) const ALL_NAMES: HeaderValue = HeaderValue::from_static("zstd, br, gzip, deflate");
/// [`ALL`] as a request's `Accept-Encoding` would have them.
#[cfg(not(feature = "zstd"))]
pub(super) const ALL_NAMES: HeaderValue = HeaderValue::from_static("br, gzip, deflate");

impl Coding {
    /// Its name in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// The coding of this name. Names have no case, and `x-gzip` is an old one (RFC 9110, section 8.4.1.3).
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        let named = |coding: &&Self| name.eq_ignore_ascii_case(coding.as_str().as_bytes());
        ALL.iter().find(named).copied()
    }

    pub(super) fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Encodes one body.
pub(super) struct Encoder {
    codec: Box<dyn EncodeV2 + Send>,
    scratch: Box<[u8]>,
}

/// What a codec writes at a time.
const SCRATCH: usize = 4 * 1024;

/// Of 11. The higher ones take twice the time and more for some per cent.
const BROTLI_QUALITY: i32 = 4;
/// 256 KiB, as a power of two: what a stream holds for as long as it is open.
const BROTLI_WINDOW: i32 = 18;
/// Of 22; the library's own default.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 3;
/// 256 KiB, as a power of two.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW: u32 = 18;

impl Encoder {
    pub(super) fn new(coding: Coding) -> Self {
        let codec: Box<dyn EncodeV2 + Send> = match coding {
            Coding::Gzip => Box::new(GzipEncoder::new(Level::Default.into())),
            Coding::Deflate => Box::new(ZlibEncoder::new(Level::Default.into())),
            Coding::Brotli => {
                let params = EncoderParams::default()
                    .quality(Level::Precise(BROTLI_QUALITY))
                    .window_size(BROTLI_WINDOW);
                Box::new(BrotliEncoder::new(params))
            }
            #[cfg(feature = "zstd")]
            Coding::Zstd => {
                let window = [CParameter::window_log(ZSTD_WINDOW)];
                Box::new(ZstdEncoder::new_with_params(ZSTD_LEVEL, &window))
            }
        };
        let scratch = vec![0; SCRATCH].into();
        Self { codec, scratch }
    }

    /// Encodes all of `input`. The codec may keep some of it to itself.
    pub(super) fn write(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let mut input = PartialBuffer::new(input);
        while !input.unwritten().is_empty() {
            self.step(output, |codec, output| codec.encode(&mut input, output))?;
        }
        Ok(())
    }

    /// Gives out what the codec has kept, so that all that was written can be decoded.
    pub(super) fn flush(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        while !self.step(output, |codec, output| codec.flush(output))? {}
        Ok(())
    }

    /// Ends the encoded body. Nothing can be written after it.
    pub(super) fn finish(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        while !self.step(output, |codec, output| codec.finish(output))? {}
        Ok(())
    }

    fn step<R>(
        &mut self,
        output: &mut Vec<u8>,
        run: impl FnOnce(&mut dyn EncodeV2, &mut WriteBuffer<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut buffer = WriteBuffer::new_initialized(&mut self.scratch);
        let result = run(&mut *self.codec, &mut buffer);
        output.extend_from_slice(buffer.written());
        result
    }
}

/// Decodes one body.
pub(crate) struct Decoder {
    codec: Box<dyn DecodeV2 + Send + Sync>,
    coding: Coding,
    state: State,
    /// Whether the codec filled the scratch the last time, and may have more to give.
    full: bool,
    /// How many bodies have been joined to the first.
    joined: u32,
    scratch: Box<[u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Begins,
    Within,
    /// At the end of the encoded body, where some codings allow another to follow.
    Ended,
}

/// What is decoded at a time.
const PIECE: usize = 16 * 1024;

/// How many encoded bodies may be joined to the first. Each has its price, also one of nothing.
const JOINED: u32 = 1000;

/// 8 MiB, as a power of two: what RFC 9659 allows in HTTP. The library would take 128 MiB.
#[cfg(feature = "zstd")]
const ZSTD_LARGEST_WINDOW: u32 = 23;

impl Decoder {
    pub(super) fn new(coding: Coding) -> Self {
        let codec: Box<dyn DecodeV2 + Send + Sync> = match coding {
            Coding::Gzip => Box::new(GzipDecoder::new()),
            Coding::Deflate => Box::new(ZlibDecoder::new()),
            Coding::Brotli => Box::new(BrotliDecoder::new()),
            #[cfg(feature = "zstd")]
            Coding::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_LARGEST_WINDOW)];
                Box::new(ZstdDecoder::new_with_params(&window))
            }
        };
        Self {
            codec,
            coding,
            state: State::Begins,
            full: false,
            joined: 0,
            scratch: vec![0; PIECE].into(),
        }
    }

    /// Decodes the next piece, of 16 KiB at most, of what has come. An empty one says that more must come first.
    pub(crate) fn decode(&mut self, encoded: &mut Bytes) -> io::Result<Bytes> {
        let mut scratch = mem::take(&mut self.scratch);
        let mut output = WriteBuffer::new_initialized(&mut scratch);
        let result = self.fill(encoded, &mut output);
        self.full = output.has_no_spare_space();
        let piece = Bytes::copy_from_slice(output.written());
        self.scratch = scratch;
        result.map(|()| piece)
    }

    /// Whether there may be more to give before more has come.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    fn fill(&mut self, encoded: &mut Bytes, output: &mut WriteBuffer<'_>) -> io::Result<()> {
        if self.full && self.state == State::Within {
            self.drain(output)?;
        }
        while !encoded.is_empty() && !output.has_no_spare_space() {
            self.go_on()?;
            let before = output.written_len();
            let read = self.step(encoded, output)?;
            if read == 0 && output.written_len() == before && self.state == State::Within {
                return Err(io::Error::other("the decoder does not go on"));
            }
            encoded.advance(read);
        }
        Ok(())
    }

    /// What did not fit the last time. Inflating takes an empty input for an error.
    fn drain(&mut self, output: &mut WriteBuffer<'_>) -> io::Result<()> {
        match self.coding {
            Coding::Gzip | Coding::Deflate => self.codec.flush(output).map(drop),
            _ => self.step(&[], output).map(drop),
        }
    }

    fn step(&mut self, input: &[u8], output: &mut WriteBuffer<'_>) -> io::Result<usize> {
        let mut input = PartialBuffer::new(input);
        if self.codec.decode(&mut input, output)? {
            self.state = State::Ended;
        }
        Ok(input.written_len())
    }

    /// More has come.
    fn go_on(&mut self) -> io::Result<()> {
        if self.state == State::Ended {
            self.joined += 1;
            if !self.coding.can_be_joined() || self.joined > JOINED {
                let kind = io::ErrorKind::InvalidData;
                return Err(io::Error::new(kind, "something follows the end"));
            }
            self.codec.reinit()?;
        }
        self.state = State::Within;
        Ok(())
    }

    /// Nothing more will come.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.state != State::Within {
            // A body of nothing is not encoded.
            return Ok(());
        }
        let mut output = WriteBuffer::new_initialized(&mut self.scratch);
        if self.codec.finish(&mut output)? && output.written().is_empty() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Coding {
    /// Whether encoded bodies may follow one another (RFC 1952, section 2.2; RFC 8878, section 3).
    fn can_be_joined(self) -> bool {
        match self {
            Self::Gzip => true,
            Self::Deflate | Self::Brotli => false,
            #[cfg(feature = "zstd")]
            Self::Zstd => true,
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("coding", &self.coding)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    /// Everything that decodes out of `encoded`.
    fn decoded(decoder: &mut Decoder, encoded: Vec<u8>) -> Vec<u8> {
        let mut encoded = Bytes::from(encoded);
        let mut all = Vec::new();
        loop {
            let piece = decoder.decode(&mut encoded).unwrap();
            assert!(piece.len() <= PIECE);
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(&piece);
        }
    }

    #[test]
    fn what_was_flushed_can_be_decoded_at_once_in_every_coding() {
        for &coding in ALL {
            let (mut encoder, mut decoder) = (Encoder::new(coding), Decoder::new(coding));
            for length in [1, 10, 0, PIECE - 1, PIECE, PIECE + 1, 100_000] {
                let value = vec![b'a'; length];
                let mut output = Vec::new();
                encoder.write(&value, &mut output).unwrap();
                encoder.flush(&mut output).unwrap();
                assert!(decoded(&mut decoder, output) == value, "{coding} {length}");
            }
            let mut output = Vec::new();
            encoder.finish(&mut output).unwrap();
            assert_eq!(decoded(&mut decoder, output), b"");
            decoder.finish().unwrap();
        }
    }

    #[test]
    fn an_open_stream_holds_no_more_than_is_said() {
        for (coding, most) in [(Coding::Gzip, 400), (Coding::Brotli, 1500)] {
            let mut open = None;
            let held = measure(|| {
                let mut encoder = Encoder::new(coding);
                for value in 0..200_u64 {
                    let mut output = Vec::new();
                    let value: Vec<_> = (0..1000).flat_map(|n| (value * n).to_le_bytes()).collect();
                    encoder.write(&value, &mut output).unwrap();
                    encoder.flush(&mut output).unwrap();
                }
                open = Some(encoder);
            });
            drop(open);
            let kib = held.bytes_current / 1024;
            assert!(kib <= most, "{coding}: {kib} KiB");
        }
    }
}
