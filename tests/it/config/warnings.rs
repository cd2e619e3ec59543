//! Variables that are ignored, with a warning or without.

use serde_json::Value;

use crate::cli::Place;

#[test]
fn variables_of_kubernetes_services_are_ignored_without_a_warning() {
    let service = |place: Place, service: &str, port: u16| {
        let address = format!("tcp://10.0.0.1:{port}");
        [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", &port.to_string()),
            ("SERVICE_PORT_HTTP", &port.to_string()),
            ("PORT", &address),
            (&format!("PORT_{port}_TCP"), &address),
            (&format!("PORT_{port}_TCP_PROTO"), "tcp"),
            (&format!("PORT_{port}_TCP_PORT"), &port.to_string()),
            (&format!("PORT_{port}_TCP_ADDR"), "10.0.0.1"),
        ]
        .into_iter()
        .fold(place, |place, (name, value)| place.with(&format!("{service}_{name}"), value))
    };
    let place = service(Place::bare(), "PORTCULLIS", 4000);
    let place = service(place, "PORTCULLIS_POSTGRESQL", 5432);
    // Service names that contain the name of a section or of a key.
    let place = service(service(place, "PORTCULLIS_HTTP", 80), "PORTCULLIS_DATABASE_URL", 5432);
    let answer = place.run("config");
    assert_eq!(answer.err, "", "they are expected");
    answer.done();
    let report: Value = serde_json::from_str(&place.run("doctor --json").done()).expect("one JSON document");
    assert_eq!(report[0]["subject"], "configuration", "{report}");
    assert_eq!(report[0]["level"], "ok", "{report}");
}

#[test]
fn an_unknown_variable_causes_a_warning_with_a_suggestion() {
    for (name, meant) in [
        ("PORTCULLIS_HTTP_LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_HTPP__LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_SECRETS_FILE", Some("PORTCULLIS_SECRET_FILE")),
        ("PORTCULLIS_PORT", None),
        ("PORTCULLIS_NOPE", None),
    ] {
        let place = Place::bare().with(name, "x");
        let text = match meant {
            Some(meant) => {
                format!("{name} names no key of the configuration and is ignored; did you mean {meant}?\n")
            }
            None => format!("{name} names no key of the configuration and is ignored\n"),
        };
        let answer = place.run("config");
        assert_eq!(answer.err, format!("warning: {text}"));
        answer.done();
        let report = place.run("doctor").done();
        assert!(report.lines().any(|line| line.starts_with("warn") && line.contains(name)), "{report}");
    }
    let place = Place::bare().with("PORTCULLIS_NOPE", "");
    assert_eq!(place.run("config").err, "", "an empty variable sets nothing");
}
