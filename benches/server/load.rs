//! The load generator: keep-alive HTTP/1.1 from one thread, so that it leaves the cores to the server.
//!
//! A lane is one client: it sends a request, waits for the whole answer, sends the next. A lane has one
//! connection to each address it uses. What is sent, and whether an answer is good, is [`Traffic`]'s.
//! Closed loop: with `n` lanes there are never more than `n` requests under way, and `p50` includes waiting.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::response::{self, Answer};

/// No answer on any lane for this long: the server hangs.
const STALLED: Duration = Duration::from_secs(20);

/// What the lanes send, and what they accept as an answer.
pub trait Traffic {
    /// Appends the next request of `lane` to `out` and says to which address it goes; `None` ends the lane.
    fn next(&mut self, lane: usize, out: &mut Vec<u8>) -> Option<usize>;

    /// Takes the answer to the request last made for `lane`.
    ///
    /// # Errors
    /// A sentence when the answer is not what the operation promises; it ends the run.
    fn answered(&mut self, lane: usize, answer: &Answer<'_>) -> Result<(), String>;
}

/// When a run is over.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// When the traffic has nothing more to send.
    Spent,
    /// When the window closes (or the traffic is spent before); only answers inside it are counted.
    Window {
        /// Load before the window, not counted.
        warmup: Duration,
        /// Length of the counted part.
        window: Duration,
    },
}

/// One run of the generator.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The listeners; [`Traffic::next`] picks by index.
    pub addresses: &'a [SocketAddr],
    /// How many clients work at the same time.
    pub lanes: usize,
    /// When to stop.
    pub until: Until,
}

/// What a run saw.
#[derive(Debug)]
pub struct Measured {
    /// Answers counted.
    pub answers: u64,
    /// From the start of counting to the last counted answer.
    pub elapsed: Duration,
    /// Time from the request's first byte to the answer's last, in rising order.
    latency: Vec<Duration>,
    /// Bytes of all counted bodies.
    pub body_bytes: u64,
}

impl Measured {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Mean size of a body; bytes.
    pub fn body_size(&self) -> usize {
        usize::try_from(self.body_bytes / self.answers.max(1)).unwrap_or(usize::MAX)
    }

    /// The latency that `share` of the answers did not exceed; microseconds.
    pub fn quantile_micros(&self, share: f64) -> f64 {
        let last = self.latency.len().saturating_sub(1);
        let rank = (share * last as f64).round() as usize;
        self.latency.get(rank).map_or(0.0, |taken| taken.as_secs_f64() * 1e6)
    }
}

/// Sends `traffic` as `plan` says and counts the answers.
///
/// # Errors
/// A sentence when a connection fails, an answer is refused, nothing comes back, or nothing was counted.
pub fn drive(plan: &Plan<'_>, traffic: &mut dyn Traffic) -> Result<Measured, String> {
    let mut run = Run::open(plan).map_err(|error| format!("cannot open the load generator: {error}"))?;
    run.go(traffic)?;
    let mut measured = run.tally.measured;
    measured.latency.sort_unstable();
    if measured.answers == 0 {
        return Err("no answer was counted: the prepared input ran out during the warm-up".to_owned());
    }
    Ok(measured)
}

struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    waits_to_write: bool,
}

struct Lane {
    wires: Vec<Option<Wire>>,
    request: Vec<u8>,
    written: usize,
    address: usize,
    started: Instant,
}

struct Tally {
    counts_from: Instant,
    ends: Option<Instant>,
    measured: Measured,
}

struct Run<'a> {
    addresses: &'a [SocketAddr],
    poll: Poll,
    lanes: Vec<Lane>,
    busy: usize,
    tally: Tally,
}

impl Tally {
    fn start(until: Until, now: Instant) -> Self {
        let (counts_from, ends) = match until {
            Until::Spent => (now, None),
            Until::Window { warmup, window } => (now + warmup, Some(now + warmup + window)),
        };
        let latency = Vec::with_capacity(1 << 20);
        Self { counts_from, ends, measured: Measured { answers: 0, elapsed: Duration::ZERO, latency, body_bytes: 0 } }
    }

    fn count(&mut self, started: Instant, now: Instant, body: usize) {
        if now < self.counts_from || self.is_over(now) {
            return;
        }
        self.measured.latency.push(now - started);
        self.measured.answers += 1;
        self.measured.body_bytes += body as u64;
        self.measured.elapsed = now - self.counts_from;
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }
}

impl<'a> Run<'a> {
    fn open(plan: &Plan<'a>) -> io::Result<Self> {
        let now = Instant::now();
        let lane = || Lane {
            wires: plan.addresses.iter().map(|_| None).collect(),
            request: Vec::with_capacity(2048),
            written: 0,
            address: 0,
            started: now,
        };
        let lanes: Vec<Lane> = (0..plan.lanes).map(|_| lane()).collect();
        let tally = Tally::start(plan.until, now);
        Ok(Self { addresses: plan.addresses, poll: Poll::new()?, busy: lanes.len(), lanes, tally })
    }

    fn go(&mut self, traffic: &mut dyn Traffic) -> Result<(), String> {
        for lane in 0..self.lanes.len() {
            self.send(lane, traffic)?;
        }
        let mut events = Events::with_capacity(self.lanes.len().max(1) * self.addresses.len());
        let mut last = Instant::now();
        while self.busy > 0 && !self.tally.is_over(last) {
            match self.poll.poll(&mut events, Some(STALLED)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| format!("the load generator cannot poll: {error}"))?,
            }
            if events.is_empty() {
                return Err(format!("no answer for {} s", STALLED.as_secs()));
            }
            for event in &events {
                let (lane, address) = (event.token().0 / self.addresses.len(), event.token().0 % self.addresses.len());
                if event.is_writable() {
                    self.flush(lane, address)?;
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    last = self.receive(lane, address, traffic)?.unwrap_or(last);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, index: usize, traffic: &mut dyn Traffic) -> Result<(), String> {
        let lane = &mut self.lanes[index];
        lane.request.clear();
        lane.written = 0;
        let Some(address) = traffic.next(index, &mut lane.request) else {
            self.busy -= 1;
            return Ok(());
        };
        lane.address = address;
        if lane.wires[address].is_none() {
            let token = Token(index * self.addresses.len() + address);
            let wire = connect(&self.poll, self.addresses[address], token)
                .map_err(|error| format!("cannot connect to {}: {error}", self.addresses[address]))?;
            self.lanes[index].wires[address] = Some(wire);
        }
        self.lanes[index].started = Instant::now();
        self.flush(index, address)
    }

    fn flush(&mut self, index: usize, address: usize) -> Result<(), String> {
        let lane = &mut self.lanes[index];
        let Some(wire) = lane.wires[address].as_mut().filter(|_| lane.address == address) else { return Ok(()) };
        let failed = |error: io::Error| format!("cannot send a request: {error}");
        while lane.written < lane.request.len() {
            match wire.stream.write(&lane.request[lane.written..]) {
                Ok(count) => lane.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(failed(error)),
            }
        }
        let waits = lane.written < lane.request.len();
        if waits != wire.waits_to_write {
            let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let token = Token(index * self.addresses.len() + address);
            self.poll.registry().reregister(&mut wire.stream, token, interest).map_err(failed)?;
            wire.waits_to_write = waits;
        }
        Ok(())
    }

    /// Reads what is there; on a whole answer counts it and sends the lane's next request.
    fn receive(&mut self, index: usize, address: usize, traffic: &mut dyn Traffic) -> Result<Option<Instant>, String> {
        let lane = &mut self.lanes[index];
        let Some(wire) = lane.wires[address].as_mut() else { return Ok(None) };
        loop {
            if wire.filled == wire.buffer.len() {
                wire.buffer.resize(wire.buffer.len() * 2, 0);
            }
            let room = wire.buffer.len() - wire.filled;
            let count = match wire.stream.read(&mut wire.buffer[wire.filled..]) {
                Ok(0) => return Err("the server closed a connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(format!("cannot read an answer: {error}")),
            };
            wire.filled += count;
            if let Some(answer) = response::read(&wire.buffer[..wire.filled]).map_err(|error| error.to_string())? {
                if answer.length != wire.filled || lane.address != address || lane.written < lane.request.len() {
                    return Err("the server sent bytes nobody asked for".to_owned());
                }
                let now = Instant::now();
                self.tally.count(lane.started, now, answer.body.len());
                traffic.answered(index, &answer)?;
                wire.filled = 0;
                self.send(index, traffic)?;
                return Ok(Some(now));
            }
            // A short read emptied the socket: epoll will tell when there is more.
            if count < room {
                return Ok(None);
            }
        }
    }
}

fn connect(poll: &Poll, address: SocketAddr, token: Token) -> io::Result<Wire> {
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, token, Interest::READABLE)?;
    Ok(Wire { stream, buffer: vec![0; 16 * 1024], filled: 0, waits_to_write: false })
}
