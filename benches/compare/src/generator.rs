//! The load generator: one thread, and connections that each wait for a response before the next request.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    Outcome,
    http::{self, RESPONSE_TIMEOUT},
    script::Script,
};

/// The duration of a measurement.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// The time before the first counted response.
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// The result of a measurement.
pub(crate) struct Sample {
    /// The number of responses in the window, per second.
    pub(crate) per_second: f64,
    /// The latency of each of them.
    pub(crate) latencies: Vec<Duration>,
    /// The number of all requests, also of those before and after the window.
    pub(crate) all: u32,
    /// The time from the first request to the last response.
    pub(crate) duration: Duration,
}

/// A connection, and the client that uses it.
struct Connection<'a> {
    stream: TcpStream,
    script: &'a mut dyn Script,
    request: Vec<u8>,
    written: usize,
    response: Vec<u8>,
    sent_at: Instant,
    is_waiting: bool,
}

/// Sends requests over one connection for each script, and checks every response.
///
/// # Errors
/// If a response is missing or wrong.
pub(crate) fn run(port: u16, scripts: &mut [Box<dyn Script>], window: Window) -> Outcome<Sample> {
    let mut poll = Poll::new()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connections = Vec::with_capacity(scripts.len());
    for (number, script) in scripts.iter_mut().enumerate() {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        connections.push(Connection::new(stream, script.as_mut()));
    }
    let opened = Instant::now();
    let began = opened + window.warm_up;
    let end = began + window.length;
    let (mut latencies, mut all) = (Vec::new(), 0);
    let mut events = Events::with_capacity(connections.len());
    while Instant::now() < end || connections.iter().any(|connection| connection.is_waiting) {
        poll.poll(&mut events, Some(RESPONSE_TIMEOUT.min(window.length)))?;
        for event in &events {
            let connection = &mut connections[event.token().0];
            let Some((sent_at, received_at)) = connection.advance(end)? else { continue };
            all += 1;
            if (began..end).contains(&received_at) {
                latencies.push(received_at - sent_at);
            }
        }
        if Instant::now() > end + RESPONSE_TIMEOUT {
            return Err("a response is missing".into());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "the number of responses is far below 2^52")]
    let per_second = latencies.len() as f64 / window.length.as_secs_f64();
    Ok(Sample { per_second, latencies, all, duration: opened.elapsed() })
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, script: &'a mut dyn Script) -> Self {
        Self {
            stream,
            script,
            request: Vec::new(),
            written: 0,
            response: Vec::new(),
            sent_at: Instant::now(),
            is_waiting: false,
        }
    }

    /// Writes and reads as far as the socket permits. Returns when a request was sent and its response received, if a
    /// response is complete. After `end` it sends no further request.
    fn advance(&mut self, end: Instant) -> Outcome<Option<(Instant, Instant)>> {
        if !self.is_waiting {
            // The first event of a connection says that it is open.
            self.begin(end)?;
            return Ok(None);
        }
        self.flush()?;
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => self.response.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let Some(response) = http::parse(&self.response)? else { return Ok(None) };
        let times = (self.sent_at, Instant::now());
        let body = &self.response[response.body];
        if response.status != 200 || !self.script.accept(body) {
            let body = String::from_utf8_lossy(body);
            return Err(format!("a wrong response: {} {body}", response.status).into());
        }
        self.begin(end)?;
        Ok(Some(times))
    }

    fn begin(&mut self, end: Instant) -> Outcome {
        self.response.clear();
        self.sent_at = Instant::now();
        self.is_waiting = self.sent_at < end;
        if self.is_waiting {
            self.request.clear();
            self.script.write_request(&mut self.request);
            self.written = 0;
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
