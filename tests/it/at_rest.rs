//! The contents of a stolen database.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{Forge, OTHER_PASSWORD, PASSWORD, TestApp, hex};

/// With what every Ed25519 key in PKCS#8 begins, up to the key itself (RFC 8410 §7).
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The SQLite files, or every row of every table.
async fn everything_stored(app: &TestApp) -> Vec<u8> {
    let db = app.app.database.reader();
    if db.get_database_backend() == DbBackend::Sqlite {
        let read = |name| std::fs::read(app.app.config.data_dir.join(name)).expect("a file");
        return [read("test.db"), read("test.db-wal")].concat();
    }
    let query = async |sql: &str| {
        let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.expect("rows");
        let text = |row: sea_orm::QueryResult| row.try_get_by_index::<String>(0).expect("text");
        rows.into_iter().map(text).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for table in query("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()").await {
        rows.extend(query(&format!("SELECT t::text FROM \"{table}\" t")).await);
    }
    rows.join("\n").into_bytes()
}

/// Whether the bytes are there, as they are or as PostgreSQL prints them.
fn holds(stored: &[u8], bytes: &[u8]) -> bool {
    let hex = hex(bytes);
    [bytes, hex.as_bytes()].iter().any(|part| stored.windows(part.len()).any(|window| window == *part))
}

#[tokio::test]
async fn the_database_holds_no_secret_that_opens_anything() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    assert!(Forge::new().pkcs8().starts_with(PKCS8));
    let mut secrets = vec![PKCS8.to_vec(), b"MC4CAQAwBQYDK2VwBCIE".to_vec(), PASSWORD.into()];
    for _ in 0..3 {
        let token = ada.kept().to_owned();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token["prt_".len()..]).expect("base64url");
        secrets.extend([
            token[..40].into(),
            token[40..].into(),
            bytes[20..36].to_vec(),
            bytes[36..].to_vec(),
        ]);
        secrets.push(ada.token.clone().expect("a token").into_bytes());
        ada.refresh().await.assert_done();
    }
    ada.log_in("ada", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    secrets.push(OTHER_PASSWORD.into());
    let stored = everything_stored(&app).await;

    let session: portcullis::id::SessionId = ada.session_id.parse().expect("an id");
    let is_there =
        holds(&stored, session.uuid().as_bytes()) || holds(&stored, session.uuid().to_string().as_bytes());
    assert!(is_there, "what is in the database is found");
    assert!(holds(&stored, b"$argon2id$"), "and so is this");
    for secret in secrets {
        assert!(!holds(&stored, &secret), "{}", String::from_utf8_lossy(&secret));
    }
}

#[tokio::test]
async fn the_folder_holds_the_master_secret_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::start().await;
    for entry in std::fs::read_dir(&app.app.config.data_dir).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("ours").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}
