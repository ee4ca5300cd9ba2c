//! The header of a member, as bytes. Used by reader and writer.

use super::BLOCK;
use crate::error::{Error, ErrorKind, Result};

/// What a header says, as far as anybody here cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) size: u64,
    /// Whether it is a plain file, not a folder, a link or an extension.
    pub(super) is_file: bool,
}

// Offsets and lengths: POSIX 1003.1-1988, ustar.
const NAME: std::ops::Range<usize> = 0..100;
const MODE: usize = 100;
const UID: usize = 108;
const GID: usize = 116;
const SIZE: std::ops::Range<usize> = 124..136;
const MTIME: usize = 136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..262;
const VERSION: usize = 263;
const USER: usize = 265;
const GROUP: usize = 297;

/// The largest size that eleven octal digits say.
const OCTAL_MOST: u64 = (1 << 33) - 1;

impl Header {
    /// Reads a header; none if the block is zeros, which ends a tar.
    ///
    /// # Errors
    ///
    /// `Format` if it is no header or a damaged one.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Option<Self>> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let wrong = |message: &str| Error::new(ErrorKind::Format, message);
        if &block[MAGIC] != b"ustar" {
            return Err(wrong(
                "no header of a member of a tar begins where one must",
            ));
        }
        if octal(&block[CHECKSUM]) != Some(checksum(block)) {
            return Err(wrong("the header of a member of the tar is damaged"));
        }
        let name = block[NAME].split(|byte| *byte == 0).next();
        Ok(Some(Self {
            name: String::from_utf8_lossy(name.unwrap_or_default()).into_owned(),
            size: size(&block[SIZE]).ok_or_else(|| wrong("the size of a member is no number"))?,
            is_file: matches!(block[TYPE], b'0' | 0),
        }))
    }

    /// The bytes of the header of a plain file.
    ///
    /// # Errors
    ///
    /// `Format` if the name is too long.
    pub(super) fn write(name: &str, size: u64, modified: u64) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        if name.len() >= NAME.len() {
            return Err(Error::new(
                ErrorKind::Format,
                format!("{name:?} is too long for the name of a member of a tar"),
            ));
        }
        let mut put = |at: usize, text: &str| {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        put(NAME.start, name);
        // Read and written by its owner, of user 2048 and group 1024, as pg_dump says.
        put(MODE, "0000600 ");
        put(UID, "0004000 ");
        put(GID, "0002000 ");
        put(MTIME, &format!("{:011o} ", modified.min(OCTAL_MOST)));
        put(MAGIC.start, "ustar");
        put(VERSION, "00");
        put(USER, "postgres");
        put(GROUP, "postgres");
        if size <= OCTAL_MOST {
            put(SIZE.start, &format!("{size:011o} "));
        }
        block[TYPE] = b'0';
        if size > OCTAL_MOST {
            block[SIZE.start] = 0x80;
            block[SIZE.end - 8..SIZE.end].copy_from_slice(&size.to_be_bytes());
        }
        let sum = format!("{:06o}\0 ", checksum(&block));
        block[CHECKSUM].copy_from_slice(sum.as_bytes());
        Ok(block)
    }
}

/// The sum of all bytes, those of the sum itself taken for spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let own: u64 = block[CHECKSUM].iter().map(|byte| u64::from(*byte)).sum();
    let all: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    all - own + CHECKSUM.len() as u64 * u64::from(b' ')
}

/// Octal digits between spaces and zero bytes.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

/// Octal digits, or a number in binary behind a byte of 0x80.
fn size(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, high @ .., _, _, _, _, _, _, _, _] => {
            let low = field[field.len() - 8..].try_into().ok()?;
            high.iter()
                .all(|byte| *byte == 0)
                .then(|| u64::from_be_bytes(low))
        }
        _ => octal(field),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_below_and_above_8_gib_are_read_as_they_were_written() {
        for size in [0, 1, 511, OCTAL_MOST, OCTAL_MOST + 1, 1 << 45, u64::MAX] {
            let block = Header::write("3351.dat", size, 1_700_000_000).unwrap();
            let header = Header::read(&block).unwrap().unwrap();
            assert_eq!((header.name.as_str(), header.size), ("3351.dat", size));
            assert!(header.is_file);
        }
    }

    #[test]
    fn a_damaged_header_is_refused_and_zeros_are_the_end() {
        assert_eq!(Header::read(&[0; BLOCK]).unwrap(), None);
        let sound = Header::write("toc.dat", 4711, 0).unwrap();
        for at in 0..BLOCK {
            let mut block = sound;
            block[at] ^= 0x04;
            // Zero bytes and spaces around the checksum's digits say nothing.
            match Header::read(&block) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Format, "{at}"),
                Ok(header) => assert_eq!(header, Header::read(&sound).unwrap(), "{at}"),
            }
        }
        assert!(Header::write(&"x".repeat(100), 0, 0).is_err());
    }
}
