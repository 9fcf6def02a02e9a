//! Content codings by other hands than the server's.

use std::io::{self, Read, Write};

/// What the server can speak.
pub(super) const CODINGS: &[&str] = &[
    "gzip",
    "deflate",
    "br",
    #[cfg(feature = "zstd")]
    "zstd",
];

pub(super) fn encode(coding: &str, text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), level);
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        "br" => {
            let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
            writer.write_all(text).unwrap();
            writer.into_inner()
        }
        "zstd" => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(text, level)
        }
        _ => panic!("no such coding: {coding}"),
    }
}

fn decoder<'a>(coding: &str, encoded: &'a [u8]) -> Box<dyn Read + 'a> {
    match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(encoded)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(encoded)),
        "br" => Box::new(brotli::Decompressor::new(encoded, 4096)),
        "zstd" => Box::new(ruzstd::decoding::StreamingDecoder::new(encoded).unwrap()),
        _ => panic!("no such coding: {coding}"),
    }
}

/// The whole, which must be whole.
pub(super) fn decode(coding: &str, encoded: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    decoder(coding, encoded).read_to_end(&mut decoded)?;
    Ok(decoded)
}

/// What a client can read of what has come so far.
pub(super) fn readable(coding: &str, so_far: &[u8]) -> Vec<u8> {
    let mut decoder = decoder(coding, so_far);
    let mut read = Vec::new();
    let mut byte = [0];
    while matches!(decoder.read(&mut byte), Ok(1)) {
        read.extend(byte);
    }
    read
}

/// Bytes that no coding makes smaller.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<_> = std::iter::repeat_with(&mut next)
        .take(length.div_ceil(8))
        .flatten()
        .collect();
    bytes.truncate(length);
    bytes
}
