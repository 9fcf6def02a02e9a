//! What a client sent that nobody has looked at.

/// What one client sent since its request.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "it is small while there is nothing, which is nearly always"
)]
pub(super) struct Unread(Option<Box<Vec<u8>>>);

impl Unread {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(bytes)))
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |bytes| bytes.len())
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.get_or_insert_default().extend_from_slice(bytes);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.map_or_else(Vec::new, |bytes| *bytes)
    }
}
