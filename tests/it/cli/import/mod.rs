//! `portcullis users import` and `users export`.

mod exports;
mod formats;
mod logins;
mod refusals;
mod repeats;

use serde_json::{Value, json};

use super::{place::Place, server::Server};

/// Of bcryptjs 3.0, for [`PASSWORD`](super::place::PASSWORD).
const BCRYPT: &str = "$2b$04$.a4b3rQJ6lLK62EiADujIeHG5sJhwdUv9s2PcK9SMRbh4XU4hzT1S";

/// A line of a file with this username and hash.
fn line(username: &str, hash: &str) -> String {
    format!("{}\n", json!({ "username": username, "passwordHash": hash }))
}

/// The usernames in the database.
fn usernames(place: &Place) -> Vec<String> {
    let users = place.run("users list --json").json();
    let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
    users.as_array().expect("a list").iter().map(name).collect()
}

/// The lines of the report of an import, without those of accounts that exist.
fn refusals(place: &Place, report: &str) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(place.path(report)).expect("the report is there");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let refused = lines.filter(|line| line["outcome"] == "refused");
    refused
        .map(|line| {
            (line["line"].as_u64().expect("a line"), line["reason"].as_str().expect("a reason").to_owned())
        })
        .collect()
}

/// Signs in and returns the access token, or the code of the error.
fn log_in(server: &Server, username: &str, password: &str) -> Result<String, String> {
    let query = "mutation($input: LoginInput!) { login(input: $input) { accessToken errors { code } } }";
    let answer = server.ask(query, &json!({ "input": { "username": username, "password": password } }), None);
    let login = &answer["data"]["login"];
    match login["accessToken"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(login["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()),
    }
}
