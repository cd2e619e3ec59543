use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use lettre::Message;

use super::SendError;
use crate::{
    id::MessageId,
    secret::{create_private, make_private_folder},
};

/// Writes messages to files, which only the user of the server can read, because they contain links that sign in.
pub(in crate::mail) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes a message to a file of its own. Its name begins with the time of the message, so that names sort by time.
    pub(super) async fn write(&self, id: MessageId, message: &Message) -> Result<String, SendError> {
        let (folder, bytes) = (self.path.clone(), message.formatted());
        let path = self.path.join(format!("{id}.eml"));
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || write(&folder, &file, &bytes)).await;
        match written.map_err(io::Error::other).and_then(|written| written) {
            Ok(()) => {
                tracing::info!(message = %id, file = %path.display(), "a message was written to a file");
                Ok(path.display().to_string())
            }
            Err(error) => Err(SendError::Unavailable(format!("cannot write {}: {error}", path.display()))),
        }
    }
}

/// Writes a file under another name first, so that nobody reads a part of a message.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_private_folder(folder)?;
    let draft = path.with_extension("draft");
    // A draft of an earlier attempt that was interrupted.
    fs::remove_file(&draft).ok();
    create_private(&draft)?.write_all(bytes)?;
    fs::rename(&draft, path)
}
