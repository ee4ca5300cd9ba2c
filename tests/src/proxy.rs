//! A TCP proxy that misbehaves on purpose, between dr and a server. Used by tests of faults.
//!
//! It runs on threads of its own, so that a test may block while a command goes through it, and it
//! counts bytes: a fault strikes at the same byte whatever the machine's mood.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

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
    /// After so many bytes nothing moves any more; connections stay open.
    Stall(u64),
    /// Everything passes, in pieces of this many bytes with a millisecond between them.
    Slow(usize),
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
    passed: u64,
    struck: bool,
    over: bool,
    open: Vec<TcpStream>,
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
        self.shared.state().passed
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
        for (from, to) in [(&client, &server), (&server, &client)] {
            let pair = from
                .try_clone()
                .and_then(|from| Ok((from, to.try_clone()?)));
            let Ok((from, to)) = pair else { return };
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pump(from, to));
        }
        state.open.extend([client, server]);
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let piece = match self.fault {
            Fault::Slow(piece) => piece,
            _ => 8192,
        };
        let mut buffer = vec![0; piece];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            let allowed = self.allow(read);
            if to.write_all(&buffer[..allowed]).is_err() {
                break;
            }
            if allowed < read && !self.strike() {
                return;
            }
            if matches!(self.fault, Fault::Slow(_)) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }

    /// How many of these bytes may pass.
    fn allow(&self, bytes: usize) -> usize {
        let mut state = self.state();
        let limit = match self.fault {
            Fault::Reset(_) if state.struck => u64::MAX,
            Fault::Cut(limit) | Fault::Reset(limit) | Fault::Stall(limit) => limit,
            Fault::None | Fault::Slow(_) => u64::MAX,
        };
        let rest = limit.saturating_sub(state.passed);
        let allowed = usize::try_from(rest).map_or(bytes, |rest| rest.min(bytes));
        state.passed += allowed as u64;
        allowed
    }

    /// The fault strikes; false when the caller has nothing left to do.
    fn strike(&self) -> bool {
        let mut state = self.state();
        let first = !std::mem::replace(&mut state.struck, true);
        self.changed.notify_all();
        if matches!(self.fault, Fault::Stall(_)) {
            // Both ends stay open until the proxy goes.
            drop(
                self.changed
                    .wait_while(state, |state| !state.over)
                    .expect("no holder of this lock panics"),
            );
            return false;
        }
        if first {
            hang_up(&mut state.open);
        }
        true
    }
}

fn hang_up(open: &mut Vec<TcpStream>) {
    for stream in open.drain(..) {
        // It may be closed already.
        stream.shutdown(Shutdown::Both).ok();
    }
}
