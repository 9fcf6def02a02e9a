//! The protocols, as far as a client has to speak them.

/// Of a connection in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// By prior knowledge.
    Http2,
}

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// How a body ended on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The last chunk (RFC 9112, section 7.1), or the flag `END_STREAM` (RFC 9113, section 6.1).
    Clean,
    /// The connection ended before.
    Cut,
    /// `RST_STREAM` with this code (RFC 9113, section 7).
    Reset(u32),
}

pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const CANCEL: u32 = 8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

impl Protocol {
    /// How a body ends that failed: with its connection where there is no other way, else by itself.
    pub(crate) fn failed(self) -> Ending {
        match self {
            Self::Http1 => Ending::Cut,
            Self::Http2 => Ending::Reset(INTERNAL_ERROR),
        }
    }

    /// What a connection begins with, beside its first request.
    pub(crate) fn preface(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"",
            Self::Http2 => PREFACE,
        }
    }

    /// GET, on this stream where there are some.
    pub(crate) fn get(self, path: &str, stream: u32) -> Vec<u8> {
        match self {
            Self::Http1 => format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
            // All but the path is in the static table, or a name of it is (RFC 7541, appendix A).
            Self::Http2 => {
                let length = u8::try_from(path.len()).unwrap();
                let block = [b"\x82\x86\x41\x01a\x04", &[length][..], path.as_bytes()].concat();
                frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
            }
        }
    }
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}
