use std::path::Path;

use super::report::Report;
use crate::{app::find_master_secrets, config::Config, tokens::SigningKey};

/// Whether there is a master secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    Usable,
    /// The first start makes one.
    Absent,
    Unusable,
}

/// Looks at the folder, the file of the database, the signing key's and the master secret.
pub(super) fn examine(config: &Config, report: &mut Report) -> Secret {
    if let Some(path) = &config.tokens.signing_key_file {
        match SigningKey::from_pem_file(path) {
            Ok(key) => {
                report.ok("tokens.signing_key_file", format!("{} ({}) signs", key.kid, key.algorithm()));
            }
            Err(error) => report.fail("tokens.signing_key_file", error.to_string()),
        }
    }
    if let Some(database) = config.sqlite_file() {
        for path in [config.data_dir.as_path(), &database] {
            if let Some(mode) = mode_for_others(path) {
                let shown = path.display();
                let text = format!("others may look into {shown} (mode {mode:o}); `chmod go= {shown}`");
                report.warn("files", text);
            }
        }
    }
    match find_master_secrets(config) {
        Ok(Some(_)) => {
            report.ok("master secret", "long enough, and out of others' reach");
            Secret::Usable
        }
        Ok(None) => {
            let path = config.data_dir.join("secret");
            report.warn("master secret", format!("there is none; the first start makes {}", path.display()));
            Secret::Absent
        }
        Err(error) => {
            report.fail("master secret", error.to_string());
            Secret::Unusable
        }
    }
}

/// The permission bits, where they let others in.
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
