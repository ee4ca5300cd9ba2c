//! Sound files, damaged as an input says. What is damaged in few places reaches deeper than noise.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;

/// Puts bytes in the place of others in one file.
#[derive(Debug, Arbitrary)]
pub(crate) struct Edit<'a> {
    file: u8,
    at: u16,
    take: u8,
    put: &'a [u8],
}

/// Edits as long as there is input for some.
pub(crate) fn edits<'a>(input: &mut Unstructured<'a>) -> Vec<Edit<'a>> {
    let mut edits = Vec::new();
    while !input.is_empty() && edits.len() < 40 {
        match input.arbitrary() {
            Ok(edit) => edits.push(edit),
            Err(_) => break,
        }
    }
    edits
}

impl Edit<'_> {
    /// Makes the change.
    pub(crate) fn apply(&self, files: &mut BTreeMap<String, Bytes>) {
        let file = usize::from(self.file) % files.len().max(1);
        let Some(bytes) = files.values_mut().nth(file) else {
            return;
        };
        let begin = usize::from(self.at) % (bytes.len() + 1);
        let end = (begin + usize::from(self.take)).min(bytes.len());
        *bytes = [&bytes[..begin], self.put, &bytes[end..]].concat().into();
    }
}
