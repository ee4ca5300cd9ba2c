//! Rows set aside on disk in parts, and given back part by part. A file without a name: it goes with
//! whoever holds it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Bytes of a part that are written at once.
const PIECE: usize = 64 << 10;

/// One side's rows.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    end: u64,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    buffer: Vec<u8>,
    /// Where what was written lies: place and length.
    written: Vec<(u64, usize)>,
}

fn failed(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Store,
        "rows cannot be set aside in the temporary folder: it needs as much room as the rows that \
         differ; TMPDIR names another",
    )
    .caused_by(error)
}

impl Spool {
    /// An empty one with so many parts, in a folder or in that for temporary files.
    pub(super) fn new(folder: Option<&Path>, parts: usize) -> Result<Self> {
        let file = match folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        Ok(Self {
            file: file.map_err(failed)?,
            end: 0,
            parts: std::iter::repeat_with(Part::default).take(parts).collect(),
        })
    }

    pub(super) fn add(&mut self, part: usize, line: &[u8]) -> Result<()> {
        let part = &mut self.parts[part];
        part.buffer.extend_from_slice(line);
        part.buffer.push(b'\n');
        if part.buffer.len() >= PIECE {
            self.file.write_all(&part.buffer).map_err(failed)?;
            part.written.push((self.end, part.buffer.len()));
            self.end += part.buffer.len() as u64;
            part.buffer.clear();
        }
        Ok(())
    }

    /// The lines of a part, each with its end.
    pub(super) fn part(&mut self, part: usize) -> Result<Vec<u8>> {
        let part = &self.parts[part];
        let size: usize = part.written.iter().map(|(_, length)| length).sum();
        let mut lines = Vec::with_capacity(size + part.buffer.len());
        for (place, length) in &part.written {
            self.file.seek(SeekFrom::Start(*place)).map_err(failed)?;
            let read = (&self.file)
                .take(*length as u64)
                .read_to_end(&mut lines)
                .map_err(failed)?;
            if read != *length {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        lines.extend_from_slice(&part.buffer);
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_come_back_whole() {
        let mut spool = Spool::new(None, 3).unwrap();
        let line = |number: usize| format!("{number}\t{}", "x".repeat(number % 700));
        for number in 0..5_000 {
            spool.add(number % 2, line(number).as_bytes()).unwrap();
        }
        for part in 0..2 {
            let lines = String::from_utf8(spool.part(part).unwrap()).unwrap();
            let expected = (0..5_000).filter(|number| number % 2 == part).map(line);
            assert!(lines.lines().eq(expected), "{part}");
        }
        assert!(spool.part(2).unwrap().is_empty());
    }
}
