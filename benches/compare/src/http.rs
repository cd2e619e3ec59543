use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    ops::Range,
    time::Duration,
};

use serde_json::Value;

use crate::Outcome;

/// The time after which a response is missing.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum number of headers of a response.
const MAX_HEADERS: usize = 64;

/// A complete response in a buffer.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

/// Parses the response at the start of `buffer`. `None` if it is incomplete.
///
/// # Errors
/// If it is malformed, or has no Content-Length.
pub(crate) fn parse(buffer: &[u8]) -> Outcome<Option<Response>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(buffer)? else { return Ok(None) };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.ok_or("a response has no Content-Length")?.value;
    let end = start + str::from_utf8(length)?.parse::<usize>()?;
    let status = response.code.ok_or("a response has no status")?;
    Ok((buffer.len() >= end).then_some(Response { status, body: start..end }))
}

/// Writes a POST request with a JSON body.
pub(crate) fn post(path: &str, token: Option<&str>, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         accept: application/graphql-response+json, application/json\r\n{authorization}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Writes a GET request.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A connection that sends one request after another and waits for each response.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request. Returns the status and the body of its response.
    pub(crate) fn send(&mut self, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err("the server closed the connection".into());
            }
            self.buffer.extend_from_slice(&chunk[..count]);
            if let Some(response) = parse(&self.buffer)? {
                return Ok((response.status, self.buffer[response.body].to_vec()));
            }
        }
    }

    /// Sends a GraphQL request. Returns the JSON of its response.
    pub(crate) fn graphql(&mut self, token: Option<&str>, body: &Value) -> Outcome<Value> {
        let (_, body) = self.send(&post("/graphql", token, body))?;
        Ok(serde_json::from_slice(&body)?)
    }
}
