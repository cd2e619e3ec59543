use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::zeroize::Zeroizing;

/// Why a file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}{}", match source.kind() {
        io::ErrorKind::PermissionDenied => MOUNTED_FOR_ANOTHER_USER,
        _ => "",
    })]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "{path} is readable by others (mode {mode:o}); make it yours alone with `chmod 600 {path}`, or, if it is \
         mounted, with `defaultMode: 0400` at the secret's volume in Kubernetes or `mode: 0400` in Compose and Swarm"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The advice for a secret that an orchestrator mounts for root while the server runs as another user.
const MOUNTED_FOR_ANOTHER_USER: &str = "; a mounted secret becomes readable with `fsGroup` in the pod's \
    securityContext (Kubernetes), or with `uid` beside `mode: 0400` (Compose and Swarm)";

/// Reads a text file that nobody else may read. A read-only mount is no exception: it does not keep other users
/// of the machine from reading the file, as in a package store that everybody can read.
///
/// # Errors
/// When it cannot be read, or others may read it.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |source| PrivateFileError::Unreadable { path: path.to_owned(), source };
    if let Some(mode) = mode_for_others(path).map_err(failed)? {
        return Err(PrivateFileError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

/// Makes a folder for password hashes and the master secret: nobody else is to look in.
///
/// # Errors
/// When it cannot be made.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.exists() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Makes the names of a file's folder survive a power cut.
///
/// # Errors
/// When the folder cannot be written to its disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems cannot open a folder as a file.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Makes a file that its owner alone can read; it must not be there yet.
pub(super) fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// The permission bits, where they let the world in. A group may read a secret, for that is how orchestrators
/// mount them.
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
