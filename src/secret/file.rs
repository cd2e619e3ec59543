use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::zeroize::Zeroizing;

/// An error of reading a file with a secret.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}{}", match source.kind() {
        io::ErrorKind::PermissionDenied => MOUNTED_FOR_ANOTHER_USER,
        _ => "",
    })]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Other users can read the file.
    #[error(
        "{path} is readable by others (mode {mode:o}); restrict it with `chmod 600 {path}`, or, if it is mounted, with \
         `defaultMode: 0400` at the secret's volume in Kubernetes or `mode: 0400` in Compose and Swarm"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The remedy for a secret that an orchestrator mounts for root while the server runs as another user.
const MOUNTED_FOR_ANOTHER_USER: &str = "; a mounted secret becomes readable with `fsGroup` in the pod's \
    securityContext (Kubernetes), or with `uid` beside `mode: 0400` (Compose and Swarm)";

/// Reads a text file that other users cannot read. A read-only mount makes no exception, because it does not prevent
/// other users from reading the file, for example in a world-readable package store.
///
/// # Errors
/// If the file cannot be read, or other users can read it.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |source| PrivateFileError::Unreadable { path: path.to_owned(), source };
    if let Some(mode) = mode_for_others(path).map_err(failed)? {
        return Err(PrivateFileError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

/// Creates a folder for password hashes and the master secret, which only its owner can read.
///
/// # Errors
/// If the folder cannot be created.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.exists() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Flushes the folder of a file to disk, so that new names in it survive a power failure.
///
/// # Errors
/// If the folder cannot be flushed.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems than Unix cannot open a folder as a file.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Creates a file that only its owner can read.
///
/// # Errors
/// When the file exists, or cannot be created.
pub fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// The permission bits of a file, if they permit others any access. A group may read a secret, because orchestrators
/// mount secrets so.
#[cfg(unix)]
fn mode_for_others(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok(Some(mode).filter(|mode| mode & 0o007 != 0))
}

#[cfg(not(unix))]
fn mode_for_others(_: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}
