//! The members of a tar as [`Files`]. A view: when it is made only the headers are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::BLOCK;
use super::header::Header;
use crate::archive::seekable::Seekable;
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, FileInfo, Files, check_name};
use crate::limits::Limits;

/// Content that is passed over is read up to here; beyond, reading goes on in another place.
const LEAP: u64 = 512 * 1024;

/// The files in a tar of pg_dump.
///
/// A tar that is cut short or damaged in the middle has the members up to there; one that is
/// missing is an error when it is asked for, and says why.
///
/// # Errors
///
/// `Format` if it does not begin as a tar, or two members have one name; `Limit` if it has more
/// members than `limits` lets a table of contents have entries.
pub async fn files(tar: Arc<dyn Seekable>, limits: &Limits) -> Result<TarFiles> {
    let mut found = TarFiles {
        members: BTreeMap::new(),
        stopped: None,
        tar,
    };
    let most = limits.toc_entries();
    let mut at = 0u64;
    let mut input: Option<ByteStream> = None;
    let mut held = bytes::Bytes::new();
    loop {
        // What stands at `at`: passed over or gone to.
        let mut block = Vec::with_capacity(BLOCK);
        while block.len() < BLOCK {
            if held.is_empty() {
                let stream = match &mut input {
                    Some(stream) => stream,
                    none => none.insert(found.tar.read(at + block.len() as u64).await?),
                };
                match stream.try_next().await? {
                    Some(more) => held = more,
                    None => break,
                }
                continue;
            }
            let take = held.len().min(BLOCK - block.len());
            block.extend_from_slice(&held.split_to(take));
        }
        let header = match <[u8; BLOCK]>::try_from(block) {
            Ok(block) => Header::read(&block).map_err(|error| error.at_offset(at)),
            Err(_) => Err(
                Error::new(ErrorKind::Format, "the tar has no end: it was cut short")
                    .at_offset(found.tar.length()),
            ),
        };
        let header = match header {
            Ok(Some(header)) => header,
            Ok(None) => break,
            Err(error) if at == 0 => return Err(error),
            Err(error) => {
                found.stop(error.to_string(), error.offset().unwrap_or(at));
                break;
            }
        };
        let begin = at + BLOCK as u64;
        let padded = header.size.checked_next_multiple_of(BLOCK as u64);
        let Some(next) = padded.and_then(|size| begin.checked_add(size)) else {
            found.stop("the size of a member is no size".to_owned(), at);
            break;
        };
        if header.is_file && check_name(&header.name).is_ok() {
            let member = Member {
                begin,
                size: header.size,
            };
            if found.members.insert(header.name.clone(), member).is_some() {
                return Err(Error::new(
                    ErrorKind::Format,
                    format!("two members of the tar are called {}", header.name),
                )
                .at_offset(at));
            }
            if found.members.len() as u64 > most.most() {
                return Err(most.exceeded("the tar has more members").at_offset(at));
            }
        }
        if next > found.tar.length() {
            found.stop(
                format!("the tar ends inside of {}: it was cut short", header.name),
                found.tar.length(),
            );
            break;
        }
        let mut skip = next - begin;
        at = next;
        if skip > LEAP {
            input = None;
            held = bytes::Bytes::new();
            continue;
        }
        while skip > 0 {
            if held.is_empty() {
                match &mut input {
                    Some(stream) => match stream.try_next().await? {
                        Some(more) => held = more,
                        None => break,
                    },
                    None => break,
                }
                continue;
            }
            let take = held.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            held = held.split_off(take);
            skip -= take as u64;
        }
    }
    Ok(found)
}

/// The files in a tar; made by [`files`].
pub struct TarFiles {
    tar: Arc<dyn Seekable>,
    members: BTreeMap<String, Member>,
    /// Why there may be more members than were found, and where.
    stopped: Option<(String, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    begin: u64,
    size: u64,
}

impl std::fmt::Debug for TarFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarFiles")
            .field("members", &self.members.len())
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

impl TarFiles {
    fn stop(&mut self, why: String, at: u64) {
        self.stopped = Some((why, at));
    }
}

impl Files for TarFiles {
    fn list(&self) -> Vec<FileInfo> {
        let mut files: Vec<FileInfo> = self
            .members
            .iter()
            .map(|(name, member)| FileInfo {
                name: name.clone(),
                size_hint: Some(member.size),
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.size_hint));
        files
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        async move {
            let Some(Member { begin, size }) = self.members.get(name).copied() else {
                let missing =
                    |message: String| Error::new(ErrorKind::Missing, message).of_key(name);
                return Err(match &self.stopped {
                    None => missing("the tar has no such member".to_owned()),
                    Some((why, at)) => missing(format!(
                        "the tar has no such member that can be read: {why}"
                    ))
                    .at_offset(*at),
                });
            };
            let input = self.tar.read(begin).await?;
            let key = name.to_owned();
            Ok(stream::try_unfold((input, size), move |(mut input, left)| {
                let key = key.clone();
                async move {
                    if left == 0 {
                        return Ok(None);
                    }
                    let Some(mut piece) = input.try_next().await? else {
                        return Err(Error::new(
                            ErrorKind::Format,
                            "the tar ends inside of it: it was cut short",
                        )
                        .of_key(key)
                        .at_offset(begin + (size - left)));
                    };
                    piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - piece.len() as u64;
                    Ok::<_, Error>(Some((piece, (input, left))))
                }
            })
            .boxed())
        }
        .boxed()
    }
}
