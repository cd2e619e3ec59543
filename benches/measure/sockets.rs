use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, sync::watch, task::JoinSet, time::sleep};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    Outcome,
    client::Client,
    place::Place,
    report::{say, thousands},
    seed::{self, Hashing, username},
    server::Server,
};

/// The number of accounts, each with an equal part of the sockets.
const ACCOUNTS: usize = 100;

/// The maximum resident memory of the server with 10,000 idle sockets, KiB.
const MAX_RESIDENT: u32 = 300 * 1024;

/// The time after which the memory is read, so that the server has done its work.
const SETTLE: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TcpStream>;

/// Opens many WebSocket connections, and measures the memory of the server: first while they are idle, and then with one
/// subscription each.
pub(crate) async fn run(sockets: u32, database: Option<&str>) -> Outcome {
    let place = Place::temporary(database).await?;
    seed::fill(&place, ACCOUNTS, Hashing::Cheap).await?;
    // All clients have one address here.
    let number = (u64::from(sockets) + 1000).to_string();
    let settings = [
        "PORTCULLIS_HTTP__MAX_CONNECTIONS",
        "PORTCULLIS_HTTP__MAX_CONNECTIONS_PER_ADDRESS",
        "PORTCULLIS_HTTP__STREAMS__MAX_OPEN",
        "PORTCULLIS_HTTP__STREAMS__MAX_OPEN_PER_ADDRESS",
        "PORTCULLIS_HTTP__STREAMS__MAX_OPEN_PER_SESSION",
    ]
    .map(|key| (key, number.as_str()));
    let server = Server::start_with(&place, Hashing::Cheap, &settings).await?;
    let mut tokens = Vec::new();
    for account in 0..ACCOUNTS {
        let mut client = server.client();
        client.log_in(&username(account)).await?;
        tokens.push(client);
    }
    say(&format!(
        "\n{} sockets\n\n| | resident, MiB | KiB for each socket |\n|---|---:|---:|",
        thousands(sockets as usize)
    ))?;
    let before = server.resident_kib()?;
    row("no socket", before, None)?;
    let each = |resident: u32| f64::from(resident.saturating_sub(before)) / f64::from(sockets);
    let (subscribe, _) = watch::channel(());
    let mut readers = JoinSet::new();
    for number in 0..sockets {
        let socket = connect(&server, &tokens[number as usize % ACCOUNTS]).await?;
        readers.spawn(read(socket, subscribe.subscribe()));
    }
    sleep(SETTLE).await;
    let idle = server.resident_kib()?;
    row("idle sockets", idle, Some(each(idle)))?;
    subscribe.send(())?;
    sleep(SETTLE).await;
    let subscribed = server.resident_kib()?;
    row("with a subscription", subscribed, Some(each(subscribed)))?;
    if let Some(ended) = readers.try_join_next() {
        return Err(format!("the server closed a connection: {:?}", ended?).into());
    }
    if sockets == 10_000 && idle > MAX_RESIDENT {
        return Err(format!("more than {MAX_RESIDENT} KiB for {sockets} idle sockets").into());
    }
    Ok(())
}

/// Reads from a connection, and so responds to pings, until it ends. Subscribes when the measurement asks for it.
/// Returns the last message.
async fn read(mut socket: Socket, mut subscribe: watch::Receiver<()>) -> Outcome<Option<Message>> {
    let operation = json!({
        "type": "subscribe", "id": "1", "payload": { "query": "subscription { accountEvents { id action } }" }
    });
    let mut last = None;
    loop {
        tokio::select! {
            Ok(()) = subscribe.changed() => socket.send(Message::text(operation.to_string())).await?,
            message = socket.next() => match message.transpose()? {
                Some(message) if message.is_text() || message.is_close() => last = Some(message),
                Some(_) => {}
                None => return Ok(last),
            },
        }
    }
}

/// Opens a connection with the token of this client (protocol `graphql-transport-ws`).
async fn connect(server: &Server, client: &Client) -> Outcome<Socket> {
    let url = server.url("/graphql").replacen("http", "ws", 1);
    let mut request = url.as_str().into_client_request()?;
    let address = request.uri().authority().ok_or("an address")?.to_string();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let stream = TcpStream::connect(address).await?;
    let (mut socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    let bearer = format!("Bearer {}", client.access_token());
    let init = json!({ "type": "connection_init", "payload": { "authorization": bearer } });
    socket.send(Message::text(init.to_string())).await?;
    match socket.next().await {
        Some(Ok(Message::Text(text))) if text.contains("connection_ack") => Ok(socket),
        other => Err(format!("no connection_ack: {other:?}").into()),
    }
}

fn row(what: &str, resident: u32, each: Option<f64>) -> Outcome {
    let each = each.map_or(String::new(), |each| format!("{each:.1}"));
    say(&format!("| {what} | {} | {each} |", resident / 1024))
}
