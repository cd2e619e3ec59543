use super::report::Report;
use crate::config::{Config, Cookies, DocumentPolicy, Introspection};

/// Keys of the checklist about which the configuration gives advice. Without advice, the line is done.
const ADVISED: [(&str, &str); 5] = [
    ("http.trusted_proxies", "the addresses of clients come from the proxies that are named"),
    ("limits.enabled", "guessing passwords is slowed down"),
    ("passwords.memory_kib", "a hash costs at least what OWASP asks for"),
    ("tokens.access_ttl", "a revoked token is accepted elsewhere for an hour at most"),
    (
        "database.url",
        "the URL holds no secret that others can read, and the connection is local or encrypted",
    ),
];

const PLAIN_COOKIES: &str = "browsers send refresh tokens without TLS as well, and pages of other ports of this \
                             machine can replace them; outside of development, set it to secure or off";

/// Checks each line of the checklist in docs/production.md that no other check has reported yet.
///
/// A new line there needs a check of the same subject here or in another file of this folder.
pub(super) fn examine(config: &Config, report: &mut Report) {
    if !config.http.is_reached_by_others() {
        if config.http.cookies == Cookies::Plain {
            report.warn("http.cookies", PLAIN_COOKIES);
        }
        let text =
            "the server serves this machine alone, so the checklist in docs/production.md does not apply";
        return report.ok("production", text);
    }
    for line in lines(config) {
        if report.mentions(line.key) {
            continue;
        }
        if line.is_done {
            report.ok(line.key, line.done);
        } else {
            report.warn(line.key, line.open);
        }
    }
    for (key, done) in ADVISED {
        if !report.mentions(key) {
            report.ok(key, done);
        }
    }
}

/// A line of the checklist.
struct Line {
    key: &'static str,
    is_done: bool,
    /// The text of the report if it is done.
    done: &'static str,
    /// The risk and the remedy if it is not.
    open: &'static str,
}

fn lines(config: &Config) -> [Line; 4] {
    let is_trusted_only = config.graphql.documents == DocumentPolicy::Trusted;
    [
        Line {
            key: "http.public_url",
            is_done: config.http.is_behind_tls(),
            done: "clients reach the server through TLS",
            open: "passwords and tokens cross the network in the clear; let a proxy terminate TLS and set the \
                   https:// URL that clients call",
        },
        Line {
            key: "http.cookies",
            is_done: config.http.cookies != Cookies::Plain,
            done: "browsers never send a refresh token without TLS",
            open: PLAIN_COOKIES,
        },
        Line {
            key: "graphql.playground",
            is_done: !config.graphql.playground,
            done: "GraphiQL is off",
            open: "GraphiQL is open to everybody at /; set it to false unless you offer it on purpose",
        },
        Line {
            key: "graphql.introspection",
            is_done: is_trusted_only || config.graphql.introspection != Introspection::Everyone,
            done: "the schema is not shown to everybody",
            open: "everybody can read the schema, with every administrative field; set it to signed_in or off \
                   unless the API is meant for strangers",
        },
    ]
}
