//! `portcullis healthcheck`, for orchestrators without an HTTP client in the image.

use std::net::TcpListener;

use super::{place::Place, server::Server};

#[test]
fn it_asks_the_server_of_its_configuration() {
    let place = Place::new();
    let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    let address = server.url.trim_start_matches("http://").trim_end_matches("/graphql");
    for (command, state) in [("healthcheck", "database"), ("healthcheck --live", "ok")] {
        let answer = place.run(&format!("--listen {address} {command}"));
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert!(answer.out.contains(state), "{answer:?}");
    }
}

#[test]
fn it_fails_if_nothing_responds() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    // Connections are accepted by the system, and nobody reads the request.
    let silent = place.run(&format!("--listen {address} healthcheck"));
    assert_eq!(silent.code, Some(1), "{silent:?}");
    assert!(silent.err.contains("no response within 5 seconds"), "{silent:?}");
    drop(listener);
    let refused = place.run(&format!("--listen {address} healthcheck"));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains(&address.to_string()), "{refused:?}");
}
