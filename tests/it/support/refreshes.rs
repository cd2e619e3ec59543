use std::collections::HashSet;

use super::{Client, spawn_all};

/// Refreshes one session with all of these clients at once. Asserts that three of them get the same refresh token (the
/// rotation and its two permitted repetitions), and that the others are rate limited. Returns the three.
pub(crate) async fn refresh_at_once(clients: Vec<Client>) -> Vec<Client> {
    let refreshes = clients.into_iter().map(|mut client| async move {
        let answer = client.refresh().await;
        (client, answer)
    });
    let (served, refused): (Vec<_>, Vec<_>) =
        spawn_all(refreshes).await.into_iter().partition(|(_, answer)| answer.body.get("errors").is_none());
    for (_, answer) in &refused {
        assert_eq!(answer.error()["code"], "RATE_LIMITED");
    }
    assert_eq!(served.len(), 3, "the rotation and two repetitions");
    let successors: HashSet<_> = served.iter().map(|(client, _)| client.kept()).collect();
    assert_eq!(successors.len(), 1, "one refresh token");
    let access_tokens: HashSet<_> = served.iter().map(|(client, _)| &client.token).collect();
    assert_eq!(access_tokens.len(), 3, "each response has an access token of its own");
    served.into_iter().map(|(client, _)| client).collect()
}
