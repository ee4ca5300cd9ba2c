//! A TCP proxy that misbehaves on purpose, between dr and a server. Used by tests of faults.
//!
//! It runs on threads of its own, so that a test may block while a command goes through it, and it
//! counts bytes: a fault strikes at the same byte whatever the machine's mood.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::Dice;

/// What the proxy does to those who talk through it.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Nothing; it counts.
    None,
    /// After so many bytes, both ways and all connections together, every connection breaks, and
    /// so does every later one.
    Cut(u64),
    /// After so many bytes every open connection breaks; later ones pass.
    Reset(u64),
    /// After so many bytes this way every open connection ends this way and stays open the other;
    /// later ones pass.
    HalfClose(Way, u64),
    /// After so many bytes nothing moves any more; connections stay open.
    Stall(u64),
    /// After so many bytes this way nothing moves this way any more; the other way does.
    StallOneWay(Way, u64),
    /// After so many bytes, both ways together, the network is gone: what the client sends is not
    /// even acknowledged, and it hears nothing.
    Silence(u64),
    /// Everything passes, in pieces of this many bytes with a millisecond between them.
    Slow(usize),
    /// Everything passes, in pieces of 1 to 400 bytes with a millisecond between them; their sizes
    /// follow this seed.
    Trickle(u64),
}

/// A direction through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What dr sends.
    ToServer,
    /// What the server sends.
    ToClient,
}

/// A listening proxy; it stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fault: Fault,
    to: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    to_server: u64,
    to_client: u64,
    struck: bool,
    released: bool,
    over: bool,
    open: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

/// What is left to do for whoever met the fault.
enum Then {
    HangUp,
    PassOn,
    /// Others see to the connection.
    Leave,
}

impl Proxy {
    /// A proxy before 127.0.0.1:`to`.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn before(to: u16, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("127.0.0.1 has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            fault,
            to,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if accepting.state().over {
                    return;
                }
                accepting.serve(client);
            }
        });
        Self { port, shared }
    }

    /// The port to connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that have passed, both ways and all connections together.
    pub fn passed(&self) -> u64 {
        self.shared.state().passed()
    }

    /// Bytes that have passed this way, all connections together.
    pub fn passed_on(&self, way: Way) -> u64 {
        *self.shared.state().passed_on(way)
    }

    /// Whether the fault has struck.
    pub fn struck(&self) -> bool {
        self.shared.state().struck
    }

    /// Wait until the fault has struck.
    ///
    /// # Panics
    ///
    /// When it has not within a minute.
    pub fn wait_until_struck(&self) {
        let state = self.shared.state();
        let (_state, waited) = self
            .shared
            .changed
            .wait_timeout_while(state, Duration::from_secs(60), |state| !state.struck)
            .expect("no holder of this lock panics");
        assert!(!waited.timed_out(), "the fault never struck");
    }

    /// What has stalled moves again, and nothing stalls any more.
    pub fn release(&self) {
        self.shared.state().released = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.over = true;
            hang_up(&mut state.open);
        }
        self.shared.changed.notify_all();
        // The accepting thread is waiting for one more.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

impl State {
    fn passed(&self) -> u64 {
        self.to_server + self.to_client
    }

    fn passed_on(&mut self, way: Way) -> &mut u64 {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn serve(self: &Arc<Self>, client: TcpStream) {
        if matches!(self.fault, Fault::Cut(_)) && self.state().struck {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.to)) else {
            return;
        };
        // Pieces are passed on as they come: waiting to fill packets would cost every answer 40 ms.
        for stream in [&client, &server] {
            stream.set_nodelay(true).ok();
        }
        let mut state = self.state();
        if matches!(self.fault, Fault::Silence(_)) && state.struck {
            lose_packets_of(&client);
        }
        for (way, from, to) in [
            (Way::ToServer, &client, &server),
            (Way::ToClient, &server, &client),
        ] {
            let pair = from
                .try_clone()
                .and_then(|from| Ok((from, to.try_clone()?)));
            let Ok((from, to)) = pair else { return };
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(way, from, to));
        }
        state.open.push(Pair { client, server });
    }

    fn pump(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut dice = match self.fault {
            Fault::Trickle(seed) => Some(Dice::of(seed)),
            _ => None,
        };
        let mut buffer = match self.fault {
            Fault::Slow(piece) => vec![0; piece],
            Fault::Trickle(_) => vec![0; 400],
            _ => vec![0; 8192],
        };
        loop {
            let piece = match &mut dice {
                Some(dice) => 1 + dice.below(buffer.len() as u64) as usize,
                None => buffer.len(),
            };
            let read = match from.read(&mut buffer[..piece]) {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            let allowed = self.allow(way, read);
            if to.write_all(&buffer[..allowed]).is_err() {
                if self.has_ended(way) {
                    return;
                }
                break;
            }
            if allowed < read {
                match self.strike(way) {
                    Then::Leave => return,
                    Then::HangUp => break,
                    Then::PassOn => {
                        *self.state().passed_on(way) += (read - allowed) as u64;
                        if to.write_all(&buffer[allowed..read]).is_err() {
                            break;
                        }
                    }
                }
            }
            if matches!(self.fault, Fault::Slow(_) | Fault::Trickle(_)) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }

    /// How many of these bytes may pass.
    fn allow(&self, way: Way, bytes: usize) -> usize {
        let mut state = self.state();
        let rest = match self.fault {
            _ if state.released => u64::MAX,
            Fault::Reset(_) | Fault::HalfClose(..) if state.struck => u64::MAX,
            Fault::Cut(limit)
            | Fault::Reset(limit)
            | Fault::Stall(limit)
            | Fault::Silence(limit) => limit.saturating_sub(state.passed()),
            Fault::HalfClose(this, limit) | Fault::StallOneWay(this, limit) if this == way => {
                limit.saturating_sub(*state.passed_on(way))
            }
            Fault::HalfClose(..)
            | Fault::StallOneWay(..)
            | Fault::None
            | Fault::Slow(_)
            | Fault::Trickle(_) => u64::MAX,
        };
        let allowed = usize::try_from(rest).map_or(bytes, |rest| rest.min(bytes));
        *state.passed_on(way) += allowed as u64;
        allowed
    }

    /// Whether this way is over, and the other is not.
    fn has_ended(&self, way: Way) -> bool {
        matches!(self.fault, Fault::HalfClose(this, _) if this == way) && self.state().struck
    }

    /// The fault strikes.
    fn strike(&self, way: Way) -> Then {
        let mut state = self.state();
        let first = !std::mem::replace(&mut state.struck, true);
        self.changed.notify_all();
        match self.fault {
            Fault::Stall(_) | Fault::StallOneWay(..) | Fault::Silence(_) => {
                if first && matches!(self.fault, Fault::Silence(_)) {
                    for pair in &state.open {
                        lose_packets_of(&pair.client);
                    }
                }
                // Both ends stay open until the proxy goes.
                let state = self
                    .changed
                    .wait_while(state, |state| !state.over && !state.released)
                    .expect("no holder of this lock panics");
                if state.over {
                    Then::Leave
                } else {
                    Then::PassOn
                }
            }
            Fault::HalfClose(..) => {
                for pair in &state.open {
                    let to = match way {
                        Way::ToServer => &pair.server,
                        Way::ToClient => &pair.client,
                    };
                    to.shutdown(Shutdown::Write).ok();
                }
                Then::Leave
            }
            _ => {
                if first {
                    hang_up(&mut state.open);
                }
                Then::HangUp
            }
        }
    }
}

/// What arrives on it is dropped before TCP sees it, so that nothing is acknowledged.
fn lose_packets_of(client: &TcpStream) {
    // One instruction of the classic packet filter: BPF_RET | BPF_K, keep 0 bytes.
    let drop_all = socket2::SockFilter::new(0x06, 0, 0, 0);
    socket2::SockRef::from(client)
        .attach_filter(&[drop_all])
        .expect("a socket takes a filter");
}

fn hang_up(open: &mut Vec<Pair>) {
    for pair in open.drain(..) {
        // They may be closed already.
        pair.client.shutdown(Shutdown::Both).ok();
        pair.server.shutdown(Shutdown::Both).ok();
    }
}
