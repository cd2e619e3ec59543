//! The messages to systemd, read from the socket that `NOTIFY_SOCKET` names.

use std::{os::unix::net::UnixDatagram, time::Duration};

use super::{place::Place, server::Server};
use crate::support::PATIENCE;

#[test]
fn the_service_manager_learns_that_the_server_is_ready_alive_and_stopping() {
    let place = Place::new();
    let path = place.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut place = place.with("NOTIFY_SOCKET", path.display().to_string());
    place = place.with("WATCHDOG_USEC", Duration::from_millis(200).as_micros().to_string());
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    let next = || {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let ready = next();
    assert!(ready.starts_with("READY=1\nSTATUS=Portcullis "), "{ready}");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1\n");
    }
    server.signal("TERM");
    while next() != "STOPPING=1\n" {}
    assert_eq!(server.exit_code(), Some(0));
}
