//! Encryption with age: the stage, and the keys it takes.
//!
//! Used by `ops` as the last stage before the store, and by `repo` on the way back. Knows nothing
//! of what the bytes mean. The format is age's own (`age-encryption.org/v1`): stock `age -d`
//! undoes it.

mod identities;
mod private_file;
mod recipients;
mod secret;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::compat::{
    FuturesAsyncReadCompatExt, FuturesAsyncWriteCompatExt, TokioAsyncReadCompatExt,
    TokioAsyncWriteCompatExt,
};

use super::{Reader, Stage, Writer};
use crate::error::{Error, ErrorKind, Result};

pub use identities::{Identities, generate_key};
pub use recipients::{Recipients, Sealing};
pub use secret::Secret;

/// The mark and the suffix of the stage.
pub const MARK: &str = "age";

/// The age stage: encrypts to recipients on the way out, decrypts with identities on the way in.
#[derive(Clone, Default)]
pub struct Age {
    recipients: Arc<Vec<recipients::Recipient>>,
    identities: Identities,
}

impl std::fmt::Debug for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Age")
            .field("recipients", &self.recipients.len())
            .field("identities", &self.identities)
            .finish()
    }
}

impl Age {
    fn to(recipients: Arc<Vec<recipients::Recipient>>) -> Self {
        Self {
            recipients,
            identities: Identities::new(),
        }
    }

    /// The stage that decrypts with any of `identities`.
    pub fn opening(identities: Identities) -> Self {
        Self {
            recipients: Arc::default(),
            identities,
        }
    }
}

impl Stage for Age {
    fn mark(&self) -> &str {
        MARK
    }

    fn suffix(&self) -> &str {
        ".age"
    }

    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, Result<Writer>> {
        // The header is made before the first await: recipients are not Send.
        let encryptor = age::Encryptor::with_recipients(
            self.recipients.iter().map(recipients::Recipient::as_age),
        )
        .map_err(|error| match error {
            age::EncryptError::MissingRecipients => {
                Error::new(ErrorKind::Key, "there is no recipient to encrypt to")
            }
            error => Error::new(ErrorKind::Stage, "age cannot encrypt to these recipients")
                .caused_by(error),
        });
        Box::pin(async move {
            let writer = encryptor?.wrap_async_output(inner.compat_write()).await?;
            Ok(Box::pin(writer.compat_write()) as Writer)
        })
    }

    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, Result<Reader>> {
        Box::pin(async move {
            let input = Arc::new(Input::default());
            let watched = Watched {
                inner,
                input: input.clone(),
            };
            // Buffered for the header alone: reads of whole chunks are larger and pass by.
            let buffered = futures::io::BufReader::new(watched.compat());
            let decryptor = age::Decryptor::new_async_buffered(buffered)
                .await
                .map_err(header_error)?;
            input.header_read.store(true, Relaxed);
            let reader = decryptor
                .decrypt_async(
                    self.identities
                        .0
                        .iter()
                        .map(|identity| identity.as_ref() as &dyn age::Identity),
                )
                .map_err(header_error)?;
            Ok(Box::pin(Decrypting {
                inner: reader.compat(),
                input,
                state: State::Reading,
            }) as Reader)
        })
    }
}

fn header_error(error: age::DecryptError) -> Error {
    match error {
        age::DecryptError::NoMatchingKeys => Error::new(
            ErrorKind::Key,
            "wrong key: it is encrypted to none of the identities given",
        ),
        age::DecryptError::Io(error) if carries_error(&error) => Error::from(error),
        age::DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Stage, "truncated: it ends inside the age header")
        }
        age::DecryptError::InvalidMac => Error::new(
            ErrorKind::Stage,
            "damaged: the age header was altered (its MAC differs)",
        ),
        age::DecryptError::UnknownFormat => Error::new(
            ErrorKind::Stage,
            "damaged, or made by a newer age: the version in its header is not known",
        ),
        error => Error::new(
            ErrorKind::Stage,
            "damaged, or not an age file: its header cannot be read",
        )
        .caused_by(error),
    }
}

fn carries_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Error>())
}

/// The longest header that is read. age parses it anew with each line and sets no bound; this is
/// enough for two thousand recipients.
const HEADER_LIMIT: u64 = 256 * 1024;

/// What was read of the encrypted input.
#[derive(Default)]
struct Input {
    bytes: AtomicU64,
    ended: AtomicBool,
    header_read: AtomicBool,
}

/// The encrypted input, watched: how much of it there was tells damage from truncation.
struct Watched {
    inner: Reader,
    input: Arc<Input>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.input.header_read.load(Relaxed) && self.input.bytes.load(Relaxed) > HEADER_LIMIT {
            return Poll::Ready(Err(Error::new(
                ErrorKind::Limit,
                format!("the age header is longer than {HEADER_LIMIT} bytes"),
            )
            .into()));
        }
        let before = buffer.filled().len();
        ready!(self.inner.as_mut().poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        if read == 0 && buffer.remaining() > 0 {
            self.input.ended.store(true, Relaxed);
        }
        self.input.bytes.fetch_add(read as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// The decrypted output; turns age's errors into ours.
struct Decrypting<R> {
    inner: R,
    input: Arc<Input>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl<R> Decrypting<R> {
    fn explain(&self, error: io::Error) -> io::Error {
        if carries_error(&error) {
            return error;
        }
        let read = self.input.bytes.load(Relaxed);
        let stage = |message: &str| Error::new(ErrorKind::Stage, message.to_owned());
        let explained = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                stage("truncated: the encrypted data ends before its last chunk").at_offset(read)
            }
            // age's reader says this of whatever follows a last chunk of full length.
            io::ErrorKind::InvalidData if error.to_string() == AFTER_THE_LAST => {
                stage("trailing bytes follow the end of the encrypted data").at_offset(read)
            }
            // A chunk that is shorter than a whole one is the last there is. Why it is not the
            // one that was written cannot be told from its bytes; its recorded length can.
            io::ErrorKind::InvalidData if self.input.ended.load(Relaxed) => stage(
                "the end of the encrypted data does not authenticate: it was cut short, altered \
                 or added to",
            )
            .at_offset(read),
            io::ErrorKind::InvalidData => {
                stage("damaged: a chunk of the encrypted data was altered").at_offset(read)
            }
            _ => return error,
        };
        explained.caused_by(error).into()
    }
}

const AFTER_THE_LAST: &str = "last chunk has been processed";

impl<R: AsyncRead + Unpin> AsyncRead for Decrypting<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.state {
            State::Ended => return Poll::Ready(Ok(())),
            State::Failed => {
                return Poll::Ready(Err(Error::new(
                    ErrorKind::Stage,
                    "decryption has failed before",
                )
                .into()));
            }
            State::Reading => {}
        }
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.inner).poll_read(cx, buffer)) {
            Ok(()) => {
                let read = buffer.filled().len() - before;
                if read == 0 {
                    self.state = State::Ended;
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.state = State::Failed;
                Poll::Ready(Err(self.explain(error)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const CHUNK: usize = 64 * 1024;

    fn key_pair() -> (Recipients, Identities) {
        let identity = age::x25519::Identity::generate();
        let recipients = Recipients::new()
            .add(&identity.to_public().to_string())
            .expect("recipient");
        (recipients, Identities(vec![Arc::new(identity)]))
    }

    async fn encrypt(recipients: &Recipients, plain: &[u8]) -> Vec<u8> {
        let stage = recipients.seal().expect("sealing").stage;
        let (far, near) = tokio::io::duplex(1 << 20);
        let mut writer = stage.wrap_writer(Box::pin(near)).await.expect("writer");
        let (written, bytes) = tokio::join!(
            async move {
                writer.write_all(plain).await?;
                writer.shutdown().await
            },
            async move {
                let mut bytes = Vec::new();
                let mut far = far;
                far.read_to_end(&mut bytes).await.expect("read");
                bytes
            }
        );
        written.expect("written");
        bytes
    }

    async fn decrypt(identities: &Identities, bytes: &[u8]) -> Result<Vec<u8>> {
        let input = std::io::Cursor::new(bytes.to_vec());
        let stage = Age::opening(identities.clone());
        let mut reader = stage.wrap_reader(Box::pin(input)).await?;
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).await?;
        Ok(plain)
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_for_lengths_around_a_chunk() {
        let (recipients, identities) = key_pair();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_000] {
            let plain: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let sealed = encrypt(&recipients, &plain).await;
            assert_eq!(decrypt(&identities, &sealed).await.expect("opened"), plain);
        }
    }

    #[tokio::test]
    async fn any_of_several_recipients_opens_and_a_stranger_is_told_so() {
        let (first, first_key) = key_pair();
        let (_, stranger) = key_pair();
        let second = age::x25519::Identity::generate();
        let both = first.add(&second.to_public().to_string()).expect("second");
        let sealed = encrypt(&both, b"rows").await;
        let second_key = Identities(vec![Arc::new(second)]);
        assert_eq!(decrypt(&first_key, &sealed).await.expect("first"), b"rows");
        assert_eq!(
            decrypt(&second_key, &sealed).await.expect("second"),
            b"rows"
        );
        let error = decrypt(&stranger, &sealed).await.expect_err("stranger");
        assert_eq!(error.kind(), ErrorKind::Key);
        let error = decrypt(&Identities::new(), &sealed)
            .await
            .expect_err("none");
        assert_eq!(error.kind(), ErrorKind::Key);
    }

    #[tokio::test]
    async fn truncation_is_never_a_clean_end() {
        let (recipients, identities) = key_pair();
        let sealed = encrypt(&recipients, &vec![1; 2 * CHUNK]).await;
        let header = sealed.len() - 2 * (CHUNK + 16);
        for length in (0..header).chain([
            header,
            header + 1,
            header + CHUNK,
            header + CHUNK + 16,
            sealed.len() - 1,
        ]) {
            let error = decrypt(&identities, &sealed[..length])
                .await
                .expect_err("truncated");
            assert_eq!(error.kind(), ErrorKind::Stage, "{length}: {error:?}");
        }
        let error = decrypt(&identities, &sealed[..header + CHUNK + 16])
            .await
            .expect_err("truncated between chunks");
        assert!(error.to_string().starts_with("truncated"), "{error}");
    }

    #[tokio::test]
    async fn bytes_after_the_end_are_an_error() {
        let (recipients, identities) = key_pair();
        // The last chunk whole, and the last chunk short: the latter cannot be told from damage.
        for (length, start) in [(CHUNK, "trailing bytes"), (100, "the end of the encrypted")] {
            let mut sealed = encrypt(&recipients, &vec![1; length]).await;
            sealed.push(0);
            let error = decrypt(&identities, &sealed).await.expect_err("trailing");
            assert_eq!(error.kind(), ErrorKind::Stage);
            assert!(error.to_string().starts_with(start), "{error}");
        }
    }

    #[tokio::test]
    async fn a_flipped_bit_anywhere_is_noticed() {
        let (recipients, identities) = key_pair();
        let sealed = encrypt(&recipients, b"a short secret").await;
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            let error = decrypt(&identities, &damaged).await.expect_err("flipped");
            assert!(
                matches!(error.kind(), ErrorKind::Stage | ErrorKind::Key),
                "{position}: {error:?}"
            );
        }
        let mut long = encrypt(&recipients, &vec![1; 3 * CHUNK]).await;
        let middle = long.len() / 2;
        long[middle] ^= 1;
        let error = decrypt(&identities, &long).await.expect_err("flipped");
        assert!(error.to_string().starts_with("damaged"), "{error}");
    }

    #[tokio::test]
    async fn a_header_without_end_is_not_read_on_and_on() {
        let (_, identities) = key_pair();
        let mut endless = b"age-encryption.org/v1\n-> X25519 AAAA\n".to_vec();
        let line = [b'A'; 64];
        while endless.len() < 2_000_000 {
            endless.extend_from_slice(&line);
            endless.push(b'\n');
        }
        let error = decrypt(&identities, &endless).await.expect_err("endless");
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[tokio::test]
    async fn a_thousand_recipients_are_not_too_many() {
        let (mut recipients, identities) = key_pair();
        let other = age::x25519::Identity::generate().to_public().to_string();
        for _ in 0..1000 {
            recipients = recipients.add(&other).expect("recipient");
        }
        let sealed = encrypt(&recipients, b"rows").await;
        assert_eq!(
            decrypt(&identities, &sealed).await.expect("opened"),
            b"rows"
        );
    }

    #[tokio::test]
    async fn an_error_of_the_input_is_not_taken_for_damage() {
        let (recipients, identities) = key_pair();
        let sealed = encrypt(&recipients, &vec![1; 3 * CHUNK]).await;
        let pieces = futures::stream::iter([
            Ok(bytes::Bytes::copy_from_slice(&sealed[..CHUNK])),
            Err(Error::new(ErrorKind::Store, "the network is down")),
        ]);
        let reader = crate::pipeline::streams::reader_of(pieces);
        let stage = Age::opening(identities);
        let mut reader = stage.wrap_reader(reader).await.expect("header");
        let error = reader.read_to_end(&mut Vec::new()).await.expect_err("down");
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::Store);
    }
}
