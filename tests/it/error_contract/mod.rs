//! The error contract: each layer returns each of its errors in one shape, with the code and the status that
//! `docs/errors.md` lists.

mod layers;

use std::collections::BTreeSet;

use portcullis::{
    graphql::{ErrorCode, ErrorExtension, INSUFFICIENT_USER_AUTHENTICATION, SESSION_REQUIRED},
    tokens::TokenError,
};
use serde_json::Value;
use strum::VariantArray;

use self::layers::{Provoked, provoke_everything};
use crate::{
    cli::Place,
    support::{Answer, keys},
};

const PAGE: &str = include_str!("../../../docs/errors.md");

/// The two media types of an answer, in the order of the page's columns.
const MEDIA: [&str; 2] = ["application/json", "application/graphql-response+json"];

#[test]
fn the_reference_page_is_what_the_program_prints() {
    let printed = Place::bare().run("errors").done();
    assert!(PAGE == printed, "the code and docs/errors.md differ: cargo run -- errors > docs/errors.md");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layer_gives_each_of_its_errors_in_one_shape_and_as_the_reference_page_tells() {
    let rows = statuses();
    let (mut seen, mut codes) = (BTreeSet::new(), BTreeSet::new());
    let [json, graphql] = MEDIA.map(provoke_everything);
    let (json, graphql) = tokio::join!(json, graphql);
    for (column, provoked) in [json, graphql].into_iter().enumerate() {
        for Provoked { what, answer } in provoked {
            let row = rows.iter().find(|row| row[0] == what);
            let row = row.unwrap_or_else(|| panic!("the page does not tell of: {what}"));
            let status = answer.status.to_string();
            assert_eq!(
                (&row[1], &row[2 + column]),
                (&answer_code(&answer), &status),
                "{what} {}",
                answer.body
            );
            assert_shape(what, &answer);
            seen.insert(row[0].clone());
            codes.insert(answer_code(&answer));
        }
    }
    let silent: Vec<_> = rows.iter().map(|row| &row[0]).filter(|what| !seen.contains(*what)).collect();
    assert!(silent.is_empty(), "the page tells what nothing provoked: {silent:?}");
    for code in ErrorCode::VARIANTS {
        assert!(codes.contains(<&str>::from(code)), "{code:?}");
    }
}

/// The rows of the page's table of statuses.
fn statuses() -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once("## HTTP statuses").expect("the page has this table");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    rows.take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The code that all errors of an answer share.
fn answer_code(answer: &Answer) -> String {
    let errors = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codes: BTreeSet<_> = errors.iter().filter_map(|error| error["extensions"]["code"].as_str()).collect();
    codes.into_iter().collect::<Vec<_>>().join(" and ")
}

/// Says that an answer tells of its errors as all answers do, and nothing else.
fn assert_shape(what: &str, answer: &Answer) {
    let was_executed = answer.body.get("data").is_some();
    let members: &[&str] = if was_executed { &["data", "errors"] } else { &["errors"] };
    assert_eq!(keys(&answer.body), members, "{what}: {}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    let errors = answer.body["errors"].as_array().expect("errors are a list");
    assert!(!errors.is_empty(), "{what}: {}", answer.body);
    for error in errors {
        let known = ["extensions", "locations", "message", "path"];
        assert!(keys(error).iter().all(|key| known.contains(key)), "{what}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 5), "{what}: {error}");
        assert_eq!(error.get("path").is_some(), was_executed, "{what}: {error}");
        assert_extensions(what, answer, &error["extensions"], was_executed);
    }
}

fn assert_extensions(what: &str, answer: &Answer, extensions: &Value, was_executed: bool) {
    let code = ErrorCode::VARIANTS.iter().copied().find(|code| extensions["code"] == <&str>::from(code));
    let is_due = |extension: &&ErrorExtension| match extension {
        ErrorExtension::Reason => extensions["code"] != "FORBIDDEN" || what.contains("personal access token"),
        ErrorExtension::RetryAfter => true,
        ErrorExtension::RequiredScopes => what == "A field requires a scope.",
        ErrorExtension::RequiredRoles => what == "A field requires a role.",
        ErrorExtension::MaxAge | ErrorExtension::AcrValues => what == "A field requires a recent login.",
        other => panic!("say when {other:?} is due"),
    };
    let more = code.expect("the code is one of ours").extensions().iter().filter(is_due);
    let mut expected = vec!["code", "requestId"];
    expected.extend(more.clone().map(<&str>::from));
    expected.sort_unstable();
    assert_eq!(keys(extensions), expected, "{what}: {extensions}");
    assert_eq!(extensions["requestId"], answer.header("x-request-id"), "{what}");

    let seconds = extensions[<&str>::from(ErrorExtension::RetryAfter)].as_u64();
    for extension in more {
        let value = &extensions[<&str>::from(extension)];
        let is_right = match extension {
            ErrorExtension::Reason => {
                let mut reasons = TokenError::VARIANTS.iter().map(<&str>::from);
                value == INSUFFICIENT_USER_AUTHENTICATION
                    || value == SESSION_REQUIRED
                    || reasons.any(|known| value == known)
            }
            ErrorExtension::RequiredScopes => value[0][0].is_string(),
            ErrorExtension::RequiredRoles | ErrorExtension::AcrValues => value[0].is_string(),
            ErrorExtension::MaxAge => value.as_u64() > Some(0),
            ErrorExtension::RetryAfter => seconds > Some(0),
            other => panic!("say what {other:?} contains"),
        };
        assert!(is_right, "{what}: {extensions}");
    }
    // What was executed has done its part; who retries it shall look at the field that failed.
    let header = seconds.filter(|_| !was_executed).map(|seconds| seconds.to_string());
    assert_eq!(answer.header("retry-after"), header.unwrap_or_default(), "{what}");
}
