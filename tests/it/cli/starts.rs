//! Starts that are interrupted, and starts that must fail.

use std::net::TcpListener;

use super::{place::Place, server::Server};

#[test]
fn a_server_that_waits_for_postgresql_stops_when_it_is_told_to() {
    for signal in ["TERM", "INT"] {
        // It takes connections, and never says anything.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = silent.local_addr().expect("an address").port();
        let place = Place::new().with("DATABASE_URL", format!("postgres://ada@127.0.0.1:{port}/portcullis"));
        let mut server = Server::spawn(&place, &["--listen", "127.0.0.1:0"]);
        let _connection = silent.accept().expect("the server connects");
        server.signal(signal);
        server.says(&format!("SIG{signal}"));
        // A start that had failed would end with 1.
        assert_eq!(server.exit_code(), Some(0), "{:#?}", server.log);
    }
}

#[test]
fn a_server_that_waits_for_the_lock_of_sqlite_stops_when_it_is_told_to() {
    let place = Place::new();
    place.run("migrate up").done();
    place.run("migrate down --yes").done();
    let lock = place.lock_sqlite("data/portcullis.db");
    let mut server = Server::spawn(&place, &["--listen", "127.0.0.1:0"]);
    server.says("waiting for the migration lock");
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0), "{:#?}", server.log);
    drop(lock);
    place.run("migrate up").done();
}

#[test]
fn a_server_that_waits_for_another_ones_migrations_stops_when_it_is_told_to() {
    let Some(place) = Place::on_a_database_of_its_own() else { return };
    let lock = place.lock_postgres();
    let mut server = Server::spawn(&place, &["--listen", "127.0.0.1:0"]);
    server.says("waiting for the migration lock");
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0), "{:#?}", server.log);
    drop(lock);
    Server::start(&place, &["--listen", "127.0.0.1:0"]);
}
