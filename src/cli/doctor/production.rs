use super::report::Report;
use crate::config::{Config, Cookies, DocumentPolicy, Introspection, MailTransport};

/// The keys of the checklist that have a configuration warning. Without that warning, the line is done.
const ADVISED: [(&str, &str); 5] = [
    ("http.trusted_proxies", "client addresses are accepted only from the listed proxies"),
    ("limits.enabled", "password guessing is throttled"),
    ("passwords.memory_kib", "password hashes have at least the cost that OWASP recommends"),
    ("tokens.access_ttl", "other services accept a revoked token for one hour at most"),
    (
        "database.url",
        "the URL contains no secret that other users can read, and the connection is local or encrypted",
    ),
];

const PLAIN_COOKIES: &str = "browsers also send refresh tokens without TLS, and pages on other ports of this host \
                             can replace them; outside of development, set it to secure or off";

/// Checks each line of the checklist in docs/production.md that no other check has reported yet.
///
/// A new line there needs a check of the same subject here or in another file of this folder.
pub(super) fn examine(config: &Config, report: &mut Report) {
    if !config.http.is_reached_by_others() {
        if config.http.cookies == Cookies::Plain {
            report.warn("http.cookies", PLAIN_COOKIES);
        }
        let text = "the server is reachable only from this machine, so the checklist in docs/production.md does not apply";
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

fn lines(config: &Config) -> [Line; 5] {
    let is_trusted_only = config.graphql.documents == DocumentPolicy::Trusted;
    [
        Line {
            key: "http.public_url",
            is_done: config.http.is_behind_tls(),
            done: "clients connect over TLS",
            open: "passwords and tokens cross the network unencrypted; terminate TLS in a proxy, and set this key to \
                   the https:// URL that clients use",
        },
        Line {
            key: "http.cookies",
            is_done: config.http.cookies != Cookies::Plain,
            done: "browsers never send a refresh token without TLS",
            open: PLAIN_COOKIES,
        },
        Line {
            key: "mail.transport",
            is_done: config.mail.transport != MailTransport::Folder,
            done: "no message with a link that signs in is left in a file",
            open: "messages are written to files and reach nobody; set it to smtp, or to off if accounts need no e-mail",
        },
        Line {
            key: "graphql.playground",
            is_done: !config.graphql.playground,
            done: "GraphiQL is disabled",
            open: "GraphiQL is public at /; set it to false unless this is intended",
        },
        Line {
            key: "graphql.introspection",
            is_done: is_trusted_only || config.graphql.introspection != Introspection::Everyone,
            done: "the schema is not public",
            open: "anonymous clients can read the schema, including all administrative fields; set it to signed_in or \
                   off unless the API is public",
        },
    ]
}
