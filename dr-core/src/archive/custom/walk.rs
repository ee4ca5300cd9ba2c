//! A way through the bytes of a custom file: numbers, runs of bytes, leaps. Used by `blocks`, which
//! knows what they mean.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::TryStreamExt;

use crate::archive::seekable::Seekable;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;

/// What is passed over is read up to here; beyond, the way goes on in another place.
const LEAP: u64 = 512 * 1024;

pub(super) struct Walk {
    source: Arc<dyn Seekable>,
    int_size: u8,
    stream: Option<ByteStream>,
    held: Bytes,
    at: u64,
}

impl Walk {
    /// From a place on; nothing is read yet.
    pub(super) fn new(source: Arc<dyn Seekable>, int_size: u8, at: u64) -> Self {
        Self {
            source,
            int_size,
            stream: None,
            held: Bytes::new(),
            at,
        }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Makes `held` hold something; false at the end.
    async fn fill(&mut self) -> Result<bool> {
        while self.held.is_empty() {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(self.source.read(self.at).await?),
            };
            match stream.try_next().await? {
                Some(more) => self.held = more,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether this is the end of the file.
    pub(super) async fn is_end(&mut self) -> Result<bool> {
        Ok(!self.fill().await?)
    }

    pub(super) async fn byte(&mut self, what: &str) -> Result<u8> {
        if !self.fill().await? {
            return Err(self.cut(what));
        }
        self.at += 1;
        Ok(self.held.get_u8())
    }

    /// A number as archives write it: a sign, and as many bytes as the header says.
    pub(super) async fn int(&mut self, what: &str) -> Result<i32> {
        let begin = self.at;
        let wrong = |message: String| Error::new(ErrorKind::Format, message).at_offset(begin);
        let sign = self.byte(what).await?;
        let mut number = 0i64;
        for place in 0..u32::from(self.int_size) {
            let byte = i64::from(self.byte(what).await?);
            if byte != 0 && place >= 4 {
                return Err(wrong(format!("{what} has more than 32 bits")));
            }
            if place < 4 {
                number |= byte << (8 * place);
            }
        }
        match sign {
            0 => i32::try_from(number),
            1 => i32::try_from(-number),
            _ => return Err(wrong(format!("{what} has no sign: it is damaged"))),
        }
        .map_err(|_| wrong(format!("{what} has more than 32 bits")))
    }

    /// Some of the next bytes, not more than `most`.
    pub(super) async fn some(&mut self, most: u64, what: &str) -> Result<Bytes> {
        if !self.fill().await? {
            return Err(self.cut(what));
        }
        let length =
            usize::try_from(most).map_or(self.held.len(), |most| most.min(self.held.len()));
        self.at += length as u64;
        Ok(self.held.split_to(length))
    }

    /// Refuses a run of bytes that the file has no room for.
    pub(super) fn expect(&self, length: u64, what: &str) -> Result<()> {
        match self.at.checked_add(length) {
            Some(end) if end <= self.source.length() => Ok(()),
            _ => Err(self.cut(what)),
        }
    }

    /// Passes over bytes that [are there](Self::expect).
    pub(super) async fn skip(&mut self, mut length: u64, what: &str) -> Result<()> {
        if length - (self.held.len() as u64).min(length) > LEAP {
            self.at += length;
            self.held = Bytes::new();
            self.stream = None;
            return Ok(());
        }
        while length > 0 {
            length -= self.some(length, what).await?.len() as u64;
        }
        Ok(())
    }

    fn cut(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Format,
            format!("the file ends inside {what}: it was cut short"),
        )
        .at_offset(self.at)
    }
}
