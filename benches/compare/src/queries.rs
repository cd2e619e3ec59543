//! The GraphQL requests, which all servers understand.

use serde_json::{Value, json};

use crate::accounts::PASSWORD;

pub(crate) fn me() -> Value {
    json!({ "query": "{ me { id username roles } }" })
}

pub(crate) fn user(username: &str) -> Value {
    json!({
        "query": "query User($username: String!) { user(username: $username) { id username roles } }",
        "variables": { "username": username },
    })
}

pub(crate) fn users() -> Value {
    json!({
        "query": "{ users(first: 25) { nodes { id username email displayName roles createdAt } \
            pageInfo { hasNextPage endCursor } } }",
    })
}

pub(crate) fn login(username: &str) -> Value {
    login_with(username, PASSWORD)
}

pub(crate) fn login_with(username: &str, password: &str) -> Value {
    json!({
        "query": "mutation Login($username: String!, $password: String!) { \
            login(input: { username: $username, password: $password }) { \
            accessToken refreshToken errors { code } } }",
        "variables": { "username": username, "password": password },
    })
}

pub(crate) fn refresh(token: &str) -> Value {
    json!({
        "query": "mutation Refresh($token: String!) { \
            refresh(input: { refreshToken: $token }) { accessToken refreshToken errors { code } } }",
        "variables": { "token": token },
    })
}
