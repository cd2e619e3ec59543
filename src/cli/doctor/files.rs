use std::path::Path;

use super::report::Report;
use crate::{app::load_master_secrets, config::Config, tokens::SigningKey};

/// The state of the master secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    Usable,
    /// None is configured. The first start creates one.
    Absent,
    Unusable,
}

/// Checks the data folder, the database file, the key file and the master secret.
pub(super) fn examine(config: &Config, report: &mut Report) -> Secret {
    if let Some(path) = &config.tokens.signing_key_file {
        match SigningKey::from_pem_file(path) {
            Ok(key) => {
                report.ok(
                    "tokens.signing_key_file",
                    format!("{} ({}) is the active key", key.kid, key.algorithm()),
                );
            }
            Err(error) => report.fail("tokens.signing_key_file", error.to_string()),
        }
    }
    if let Some(database) = config.sqlite_file() {
        for path in [config.data_dir.as_path(), &database] {
            if let Some(mode) = mode_for_others(path) {
                let shown = path.display();
                let text = format!("other users can access {shown} (mode {mode:o}); run `chmod go= {shown}`");
                report.warn("files", text);
            }
        }
    }
    match load_master_secrets(config) {
        Ok(Some(_)) => {
            report.ok("master secret", "long enough, and not readable by other users");
            Secret::Usable
        }
        Ok(None) => {
            let path = config.data_dir.join("secret");
            report.warn(
                "master secret",
                format!("not created yet; the first start creates {}", path.display()),
            );
            Secret::Absent
        }
        Err(error) => {
            report.fail("master secret", error.to_string());
            Secret::Unusable
        }
    }
}

/// The permission bits, if they give other users access.
#[cfg(unix)]
fn mode_for_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_: &Path) -> Option<u32> {
    None
}
