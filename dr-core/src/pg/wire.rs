//! What lies between the socket and the driver: a stream that knows where messages begin.
//!
//! Three things cannot be done above tokio-postgres, and this does them below it:
//!
//! * **COPY out in large pieces.** The server sends one message per row, and the driver hands each
//!   of them through two queues. Here the rows of a COPY are taken out of the stream as they
//!   arrive, gathered into large pieces and handed over directly; the driver sees only that the
//!   statement completed. A row need not fit in memory.
//! * **Statements in any encoding.** The driver takes a `&str` and sends it as UTF-8. Where the
//!   database's encoding is another, text is carried byte-mapped ([`crate::text`]) and is turned
//!   back into its bytes here.
//! * **`require_auth`.** What the server asks for is compared before the driver answers.
//! * **Last words.** A server that ends a connection says why and closes it. The driver may meet the
//!   closed socket first, while it sends rows, and never read what was said: here what the server
//!   said is read to its end before a failed write is told, and why it left is kept.
//!
//! Used by `dial`, which puts it in, and by `copy`. Knows the shape of messages and no SQL.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_postgres::tls::{ChannelBinding, TlsStream};
use tokio_util::sync::PollSender;

use super::conninfo::RequireAuth;

/// One read from the socket asks for this much. The server fills its own buffer of 8 KiB, so what
/// a read gets is what has piled up meanwhile.
const READ: usize = 256 << 10;

/// A piece of COPY data is handed over when it has this size.
pub(super) const PIECE: usize = 128 << 10;

/// A socket, encrypted or not.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// What SCRAM-SHA-256-PLUS binds to.
    fn binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl Socket for tokio::net::TcpStream {}
impl Socket for tokio::net::UnixStream {}

/// The part of a [`Wire`] that its user keeps while the driver has the stream.
#[derive(Default)]
pub(super) struct Control {
    /// Where the rows of the next COPY go.
    tap: Mutex<Option<mpsc::Sender<Bytes>>>,
    /// Error responses seen so far.
    errors: AtomicU64,
    /// Statements are byte-mapped text.
    byte_mapped: AtomicBool,
    /// Why the connection was lost.
    lost: OnceLock<Arc<tokio_postgres::Error>>,
    /// What the server said when it ended the connection.
    farewell: OnceLock<Farewell>,
    /// The server has asked for a password.
    password_asked: AtomicBool,
}

/// Why a server ends a connection, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Farewell {
    pub(super) sqlstate: String,
    pub(super) message: String,
}

impl Farewell {
    /// That of an ErrorResponse or NoticeResponse after which the server hangs up: what is FATAL or
    /// worse, and the warning that all of them get when another one crashed or the server is
    /// stopped at once (class 57P).
    fn of(body: &[u8]) -> Option<Self> {
        let (mut severity, mut sqlstate, mut message) = (None, None, None);
        for field in body.split(|byte| *byte == 0) {
            match field.split_first() {
                // Unlike S, V is not translated.
                Some((b'V', text)) => severity = Some(text),
                Some((b'C', text)) => sqlstate = std::str::from_utf8(text).ok(),
                Some((b'M', text)) => message = Some(text),
                _ => {}
            }
        }
        let sqlstate = sqlstate?;
        let last = match severity? {
            b"FATAL" | b"PANIC" => true,
            b"WARNING" => sqlstate.starts_with("57P"),
            _ => false,
        };
        last.then(|| Self {
            sqlstate: sqlstate.to_owned(),
            // A translated one is in the database's encoding.
            message: String::from_utf8_lossy(message.unwrap_or_default()).into_owned(),
        })
    }
}

impl Control {
    /// Takes the rows of the next COPY out of the stream. The receiver ends when the COPY does,
    /// however it does; the statement's own result tells which.
    pub(super) fn tap(&self) -> mpsc::Receiver<Bytes> {
        // One piece is being filled, some wait while the consumer compresses, one is with it.
        let (sender, receiver) = mpsc::channel(4);
        *self.lock() = Some(sender);
        receiver
    }

    /// How many statements the server has refused so far.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Acquire)
    }

    /// The connection is lost. Told before it is closed, so that whoever finds it closed can say why.
    pub(super) fn lose(&self, why: tokio_postgres::Error) {
        self.lost.get_or_init(|| Arc::new(why));
    }

    /// Why the connection was lost.
    pub(super) fn lost(&self) -> Option<&Arc<tokio_postgres::Error>> {
        self.lost.get()
    }

    /// Whether the server has asked for a password, in whatever form it is to be shown.
    pub(super) fn password_asked(&self) -> bool {
        self.password_asked.load(Ordering::Acquire)
    }

    /// What the server said when it ended the connection.
    pub(super) fn farewell(&self) -> Option<&Farewell> {
        self.farewell.get()
    }

    /// From now on statements are byte-mapped text. Call between statements.
    pub(super) fn map_bytes(&self) {
        self.byte_mapped.store(true, Ordering::Release);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Bytes>>> {
        self.tap
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How the rest of the current message is treated.
enum Part {
    /// The next bytes are a message's header.
    Header,
    /// So many bytes go to the driver.
    Through(usize),
    /// So many bytes are rows.
    Rows(usize),
    /// So many bytes are dropped.
    Skip(usize),
}

/// The rows of a COPY that is running.
struct Tap {
    /// `None` once nobody wants them any more.
    sender: Option<PollSender<Bytes>>,
    piece: BytesMut,
}

/// The stream the driver is given.
pub(super) struct Wire {
    socket: Box<dyn Socket>,
    control: Arc<Control>,
    auth: Option<RequireAuth>,
    authenticating: bool,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    part: Part,
    tap: Option<Tap>,
    output: Outgoing,
    /// Why nothing can be written any more.
    broken: Option<io::Error>,
}

impl Wire {
    /// Wraps a socket that is connected and, where that was agreed, encrypted.
    pub(super) fn new(socket: Box<dyn Socket>, auth: Option<RequireAuth>) -> (Self, Arc<Control>) {
        let control = Arc::new(Control::default());
        let wire = Self {
            socket,
            control: Arc::clone(&control),
            auth,
            authenticating: false,
            input: vec![0; READ].into_boxed_slice(),
            start: 0,
            end: 0,
            part: Part::Header,
            tap: None,
            output: Outgoing::default(),
            broken: None,
        };
        (wire, control)
    }

    /// Reads the header at `start` and decides. `None`: more bytes are needed to tell.
    fn begin(&mut self) -> io::Result<Option<Part>> {
        let input = &self.input[self.start..self.end];
        let [tag, a, b, c, d, ..] = *input else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        let Some(body) = usize::try_from(length)
            .ok()
            .filter(|length| i32::try_from(*length).is_ok())
            .and_then(|length| length.checked_sub(4))
        else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the server sent a message of impossible length",
            ));
        };
        let code = input[5..].first_chunk().copied().map(u32::from_be_bytes);
        let here = input.len() - 5;
        Ok(Some(match tag {
            b'd' if self.tap.is_some() => {
                self.start += 5;
                Part::Rows(body)
            }
            b'H' if self.arm() => {
                self.start += 5;
                Part::Skip(body)
            }
            b'c' if self.tap.is_some() => {
                self.start += 5;
                Part::Skip(body)
            }
            b'R' => {
                let Some(code) = code else {
                    return Ok(None);
                };
                self.check_auth(code)?;
                // AuthenticationCleartextPassword, MD5Password and SASL.
                if matches!(code, 3 | 5 | 10) {
                    self.control.password_asked.store(true, Ordering::Release);
                }
                Part::Through(body + 5)
            }
            // Looked at whole; one longer than the buffer goes by unread.
            b'E' | b'N' if here < body && body <= READ - 5 => return Ok(None),
            b'E' | b'N' => {
                let said = &self.input[self.start + 5..self.end];
                if let Some(farewell) = said.get(..body).and_then(Farewell::of) {
                    self.control.farewell.get_or_init(|| farewell);
                }
                if tag == b'N' {
                    return Ok(Some(Part::Through(body + 5)));
                }
                self.control.errors.fetch_add(1, Ordering::AcqRel);
                self.disarm();
                Part::Through(body + 5)
            }
            b'Z' => {
                self.disarm();
                Part::Through(body + 5)
            }
            _ => Part::Through(body + 5),
        }))
    }

    /// A COPY out begins: takes the tap, if one is set.
    fn arm(&mut self) -> bool {
        let Some(sender) = self.control.lock().take() else {
            return false;
        };
        self.tap = Some(Tap {
            sender: Some(PollSender::new(sender)),
            piece: BytesMut::new(),
        });
        true
    }

    /// The statement is over: whoever waits for rows learns it.
    fn disarm(&mut self) {
        self.tap = None;
        self.control.lock().take();
    }

    /// Compares what the server asks for with `require_auth`. Codes are those of the protocol's
    /// Authentication messages.
    fn check_auth(&mut self, code: u32) -> io::Result<()> {
        let Some(allowed) = self.auth else {
            return Ok(());
        };
        let (asked, sound) = match code {
            0 => ("no authentication", allowed.none || self.authenticating),
            3 => ("a cleartext password", allowed.password),
            5 => ("an MD5 password", allowed.md5),
            10..=12 => ("SCRAM-SHA-256", allowed.scram),
            // The driver refuses the rest by itself.
            _ => ("", true),
        };
        if !sound {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("require_auth forbids what the server asks for: {asked}"),
            ));
        }
        self.authenticating = code != 0;
        Ok(())
    }

    /// Hands the piece over. Pending: the consumer has not taken the last one yet.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(tap) = &mut self.tap else {
            return Poll::Ready(());
        };
        if tap.piece.is_empty() {
            return Poll::Ready(());
        }
        if let Some(sender) = &mut tap.sender {
            let sent = match ready!(sender.poll_reserve(cx)) {
                Ok(()) => sender.send_item(tap.piece.split().freeze()).is_ok(),
                Err(_) => false,
            };
            if !sent {
                tap.sender = None;
            }
        }
        tap.piece.clear();
        Poll::Ready(())
    }

    /// Moves rows into the piece; false when the piece must be handed over first.
    fn take_rows(&mut self, rest: usize) -> bool {
        let Some(tap) = &mut self.tap else {
            self.part = Part::Skip(rest);
            return true;
        };
        let available = rest.min(self.end - self.start);
        if tap.sender.is_none() {
            self.start += available;
            self.part = after(rest - available, Part::Rows);
            return true;
        }
        if tap.piece.capacity() == 0 {
            tap.piece.reserve(PIECE);
        }
        let take = available.min(PIECE - tap.piece.len());
        tap.piece
            .extend_from_slice(&self.input[self.start..self.start + take]);
        self.start += take;
        self.part = after(rest - take, Part::Rows);
        take == available || tap.piece.len() < PIECE
    }

    /// More bytes from the socket. 0: the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let mut buffer = ReadBuf::new(&mut self.input[self.end..]);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        self.end += read;
        Poll::Ready(Ok(read))
    }
}

/// What comes after a part of which `rest` bytes are still to come.
fn after(rest: usize, part: fn(usize) -> Part) -> Part {
    if rest == 0 { Part::Header } else { part(rest) }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            let available = this.end - this.start;
            let starved = match this.part {
                Part::Header => {
                    // The COPY's end: its last piece goes before anything else is told.
                    if this.tap.is_some()
                        && available > 0
                        && this.input[this.start] != b'd'
                        && this.input[this.start] != b'E'
                    {
                        match this.poll_hand_over(cx) {
                            Poll::Ready(()) => {}
                            Poll::Pending if buffer.filled().len() > before => {
                                return Poll::Ready(Ok(()));
                            }
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                    match this.begin()? {
                        Some(part) => {
                            // A message of no bytes, such as CopyDone, is over already.
                            this.part = match part {
                                Part::Rows(0) | Part::Skip(0) => Part::Header,
                                part => part,
                            };
                            false
                        }
                        None => true,
                    }
                }
                Part::Through(rest) => {
                    let take = rest.min(available).min(buffer.remaining());
                    buffer.put_slice(&this.input[this.start..this.start + take]);
                    this.start += take;
                    this.part = after(rest - take, Part::Through);
                    if buffer.remaining() == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    take == 0
                }
                Part::Rows(_) if available == 0 => true,
                Part::Rows(rest) => {
                    if !this.take_rows(rest) {
                        match this.poll_hand_over(cx) {
                            Poll::Ready(()) => {}
                            Poll::Pending if buffer.filled().len() > before => {
                                return Poll::Ready(Ok(()));
                            }
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                    false
                }
                Part::Skip(rest) => {
                    let take = rest.min(available);
                    this.start += take;
                    this.part = after(rest - take, Part::Skip);
                    take == 0
                }
            };
            if starved {
                if buffer.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
                if ready!(this.poll_fill(cx))? == 0 {
                    // All that the server said was heard.
                    return Poll::Ready(match this.broken.take() {
                        Some(error) => Err(error),
                        None => Ok(()),
                    });
                }
            }
        }
    }
}

/// What goes to the server, with statements turned into the database's encoding.
#[derive(Default)]
struct Outgoing {
    /// Bytes not written yet.
    waiting: VecDeque<u8>,
    /// The header, and for a statement the body, of the message being taken in.
    message: Vec<u8>,
    /// Bytes of the current message that go through as they are.
    through: usize,
}

impl Outgoing {
    /// Takes bytes from the driver, at any cut.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.through > 0 {
                let (now, rest) = bytes.split_at(self.through.min(bytes.len()));
                self.waiting.extend(now);
                self.through -= now.len();
                bytes = rest;
                continue;
            }
            let wanted = match self.message.first_chunk::<5>() {
                None => 5,
                Some([_, length @ ..]) => 1 + u32::from_be_bytes(*length) as usize,
            };
            let (now, rest) =
                bytes.split_at(wanted.saturating_sub(self.message.len()).min(bytes.len()));
            self.message.extend_from_slice(now);
            bytes = rest;
            let Some([tag, length @ ..]) = self.message.first_chunk::<5>() else {
                continue;
            };
            let total = 1 + u32::from_be_bytes(*length) as usize;
            match *tag {
                b'Q' | b'P' if self.message.len() < total => {}
                b'Q' | b'P' => {
                    let mapped = map_statement(&self.message)?;
                    self.waiting.extend(mapped);
                    self.message.clear();
                }
                _ => {
                    self.waiting.extend(&self.message);
                    self.through = total - 5;
                    self.message.clear();
                }
            }
        }
        Ok(())
    }
}

/// A Query or Parse message with its strings turned from byte-mapped text into bytes.
fn map_statement(message: &[u8]) -> io::Result<Vec<u8>> {
    // Query: one string. Parse: name, statement, then parameter types.
    let strings = if message[0] == b'Q' { 1 } else { 2 };
    let body = &message[5..];
    let end = memchr::memchr_iter(0, body)
        .nth(strings - 1)
        .map_or(body.len(), |at| at + 1);
    let text = std::str::from_utf8(&body[..end])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut mapped = Vec::with_capacity(message.len());
    mapped.extend_from_slice(&[message[0], 0, 0, 0, 0]);
    for char in text.chars() {
        mapped.push(u8::try_from(u32::from(char)).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a statement holds {char:?}, which is not in the database's encoding"),
            )
        })?);
    }
    mapped.extend_from_slice(&body[end..]);
    let length = u32::try_from(mapped.len() - 1)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    mapped[1..5].copy_from_slice(&length.to_be_bytes());
    Ok(mapped)
}

impl Wire {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.waiting.is_empty() {
            let (front, _) = self.output.waiting.as_slices();
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, front))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.waiting.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_put(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        if !self.control.byte_mapped.load(Ordering::Acquire) {
            return Pin::new(&mut self.socket).poll_write(cx, bytes);
        }
        self.output.take(bytes)?;
        // What cannot be written now is written before the next bytes are taken.
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// The socket takes nothing any more: the driver is told when it has read what the server
    /// still said, and until then writes into nothing. An error of ours is told at once.
    fn hear_out(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Result<()> {
        if !is_hung_up(&error) {
            return Err(error);
        }
        self.broken = Some(error);
        self.output.waiting.clear();
        // Reading may have been given up for now, with words still there.
        cx.waker().wake_by_ref();
        Ok(())
    }
}

/// Whether the other side is gone, so that reading ends too.
fn is_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.broken.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        match ready!(this.poll_put(cx, bytes)) {
            Err(error) => Poll::Ready(this.hear_out(cx, error).map(|()| bytes.len())),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.broken.is_some() {
            return Poll::Ready(Ok(()));
        }
        let flushed = match ready!(this.poll_drain(cx)) {
            Ok(()) => ready!(Pin::new(&mut this.socket).poll_flush(cx)),
            failed => failed,
        };
        Poll::Ready(flushed.or_else(|error| this.hear_out(cx, error)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Err(error));
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        self.socket.binding()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    impl Socket for tokio::io::DuplexStream {}

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    fn wire(auth: Option<RequireAuth>) -> (Wire, Arc<Control>, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (wire, control) = Wire::new(Box::new(near), auth);
        (wire, control, far)
    }

    #[tokio::test]
    async fn the_rows_of_a_copy_are_gathered_and_the_driver_sees_none_of_them() {
        for cut in [1, 7, 4096, usize::MAX] {
            let (mut wire, control, mut far) = wire(None);
            let mut rows = control.tap();
            let mut sent = message(b'H', &[0, 0, 0]);
            let mut expected = Vec::new();
            for row in 0..3000 {
                let text = format!("{row}\tvalue\n");
                sent.extend(message(b'd', text.as_bytes()));
                expected.extend_from_slice(text.as_bytes());
            }
            sent.extend(message(b'c', b""));
            let tail = [message(b'C', b"COPY 3000\0"), message(b'Z', b"I")].concat();
            sent.extend(&tail);
            let writer = tokio::spawn(async move {
                for piece in sent.chunks(cut) {
                    far.write_all(piece).await.unwrap();
                }
            });
            let reader = tokio::spawn(async move {
                let mut seen = Vec::new();
                wire.read_to_end(&mut seen).await.unwrap();
                seen
            });
            let mut got = Vec::new();
            let mut pieces = 0;
            while let Some(piece) = rows.recv().await {
                got.extend_from_slice(&piece);
                pieces += 1;
            }
            writer.await.unwrap();
            assert_eq!(reader.await.unwrap(), tail);
            assert_eq!(got, expected);
            assert_eq!(pieces, 1);
        }
    }

    #[tokio::test]
    async fn a_row_larger_than_a_piece_comes_in_several() {
        let (mut wire, control, mut far) = wire(None);
        let mut rows = control.tap();
        let row = vec![b'x'; 3 * PIECE + 17];
        let sent = [
            message(b'H', &[0, 0, 0]),
            message(b'd', &row),
            message(b'c', b""),
            message(b'Z', b"I"),
        ]
        .concat();
        tokio::spawn(async move { far.write_all(&sent).await.unwrap() });
        let reader = tokio::spawn(async move {
            let mut seen = Vec::new();
            wire.read_to_end(&mut seen).await.unwrap();
        });
        let mut sizes = Vec::new();
        while let Some(piece) = rows.recv().await {
            sizes.push(piece.len());
        }
        reader.await.unwrap();
        assert_eq!(sizes, [PIECE, PIECE, PIECE, 17]);
    }

    #[tokio::test]
    async fn rows_nobody_wants_are_read_and_dropped_so_that_the_next_statement_can_run() {
        let (mut wire, control, mut far) = wire(None);
        drop(control.tap());
        let mut sent = message(b'H', &[0, 0, 0]);
        for _ in 0..10 {
            sent.extend(message(b'd', &vec![b'x'; PIECE]));
        }
        sent.extend(message(b'c', b""));
        sent.extend(message(b'Z', b"I"));
        tokio::spawn(async move { far.write_all(&sent).await.unwrap() });
        let mut seen = Vec::new();
        wire.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, message(b'Z', b"I"));
    }

    #[tokio::test]
    async fn a_refused_copy_ends_the_rows_and_is_counted() {
        let (mut wire, control, mut far) = wire(None);
        let mut rows = control.tap();
        far.write_all(&message(b'E', b"SERROR\0\0")).await.unwrap();
        drop(far);
        let mut seen = Vec::new();
        wire.read_to_end(&mut seen).await.unwrap();
        assert_eq!(rows.recv().await, None);
        assert_eq!(control.errors(), 1);
        assert_eq!(seen, message(b'E', b"SERROR\0\0"));
    }

    #[tokio::test]
    async fn a_message_of_impossible_length_is_an_error() {
        for length in [0u32, 3, 0x8000_0000, u32::MAX] {
            let (mut wire, _control, mut far) = wire(None);
            far.write_all(&[&b"D"[..], &length.to_be_bytes(), b"xx"].concat())
                .await
                .unwrap();
            let error = wire.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn what_require_auth_forbids_never_reaches_the_driver() {
        let scram_only = RequireAuth {
            none: false,
            password: false,
            md5: false,
            scram: true,
        };
        for (codes, sound) in [
            (&[3u32][..], false),
            (&[5], false),
            (&[0], false),
            (&[10, 11, 12, 0], true),
        ] {
            let (mut wire, _control, mut far) = wire(Some(scram_only));
            for code in codes {
                far.write_all(&message(b'R', &code.to_be_bytes()))
                    .await
                    .unwrap();
            }
            drop(far);
            let mut seen = Vec::new();
            let outcome = wire.read_to_end(&mut seen).await;
            assert_eq!(outcome.is_ok(), sound, "{codes:?}");
            assert_eq!(seen.is_empty(), !sound);
        }
    }

    #[tokio::test]
    async fn statements_leave_in_the_databases_encoding_and_data_as_it_is() {
        let (mut wire, control, mut far) = wire(None);
        control.map_bytes();
        let parse = [
            &b"s0\0"[..],
            "SELECT 'ß'\0".as_bytes(),
            &[0, 1, 0, 0, 0, 0xDF],
        ]
        .concat();
        let sent = [
            message(b'Q', "SELECT 'ß'\0".as_bytes()),
            message(b'd', "ß\n".as_bytes()),
            message(b'P', &parse),
        ]
        .concat();
        for cut in [1, 3, 1000] {
            for piece in sent.chunks(cut) {
                wire.write_all(piece).await.unwrap();
            }
            wire.flush().await.unwrap();
            let expected = [
                message(b'Q', b"SELECT '\xDF'\0"),
                message(b'd', "ß\n".as_bytes()),
                message(b'P', b"s0\0SELECT '\xDF'\0\0\x01\0\0\0\xDF"),
            ]
            .concat();
            let mut got = vec![0; expected.len()];
            far.read_exact(&mut got).await.unwrap();
            assert_eq!(got, expected);
        }
    }

    fn farewell(severity: &str, sqlstate: &str, message: &str) -> Vec<u8> {
        format!("S{severity}\0V{severity}\0C{sqlstate}\0M{message}\0\0").into_bytes()
    }

    /// What the server said lies there to be read, and it takes nothing any more.
    struct Leaving(io::Cursor<Vec<u8>>);

    impl AsyncRead for Leaving {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Leaving {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Socket for Leaving {}

    #[tokio::test]
    async fn what_a_server_said_before_it_hung_up_is_heard_although_writing_failed_first() {
        let body = farewell("FATAL", "57P01", "terminating connection");
        let said = message(b'E', &body);
        for byte_mapped in [false, true] {
            let socket = Leaving(io::Cursor::new(said.clone()));
            let (mut wire, control) = Wire::new(Box::new(socket), None);
            if byte_mapped {
                control.map_bytes();
            }
            for _ in 0..3 {
                wire.write_all(&message(b'd', b"row\n")).await.unwrap();
                wire.flush().await.unwrap();
            }
            let mut seen = Vec::new();
            let error = wire.read_to_end(&mut seen).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(seen, said);
            let farewell = control.farewell().unwrap();
            assert_eq!(farewell.sqlstate, "57P01");
            assert_eq!(farewell.message, "terminating connection");
        }
    }

    #[tokio::test]
    async fn only_what_ends_a_connection_is_a_farewell() {
        for (tag, severity, sqlstate, last) in [
            (b'E', "ERROR", "53100", false),
            (b'E', "FATAL", "57P05", true),
            (b'E', "PANIC", "53100", true),
            (b'N', "WARNING", "57P02", true),
            (b'N', "WARNING", "01000", false),
            (b'N', "NOTICE", "57P02", false),
        ] {
            let (mut wire, control, mut far) = wire(None);
            let sent = message(tag, &farewell(severity, sqlstate, "said"));
            let whole = sent.clone();
            let sender = tokio::spawn(async move {
                // At any cut.
                for byte in sent {
                    far.write_all(&[byte]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            let mut seen = Vec::new();
            wire.read_to_end(&mut seen).await.unwrap();
            sender.await.unwrap();
            assert_eq!(seen, whole);
            let heard = control
                .farewell()
                .map(|farewell| farewell.sqlstate.as_str());
            assert_eq!(heard, last.then_some(sqlstate), "{severity} {sqlstate}");
            assert_eq!(control.errors(), u64::from(tag == b'E'));
        }
    }

    #[tokio::test]
    async fn an_error_too_long_to_look_at_goes_by_whole() {
        let (mut wire, control, mut far) = wire(None);
        let long = message(b'E', &farewell("FATAL", "57P01", &"x".repeat(READ)));
        let sent = long.clone();
        tokio::spawn(async move { far.write_all(&sent).await.unwrap() });
        let mut seen = Vec::new();
        wire.read_to_end(&mut seen).await.unwrap();
        assert!(seen == long);
        assert_eq!(control.errors(), 1);
    }
}
