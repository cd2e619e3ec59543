//! Protection of the process's memory, which holds secrets, from other processes of the same user.

use std::io;

/// Makes this process "not dumpable" (`PR_SET_DUMPABLE`, prctl(2)): no core dump contains its memory, and only root may
/// trace it or read its memory and environment through `/proc`. A process that it starts is dumpable again.
///
/// # Errors
/// If the kernel refuses, for example because of a seccomp filter.
#[cfg(target_os = "linux")]
pub(super) fn protect_memory() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Does nothing: only Linux has the attribute.
#[cfg(not(target_os = "linux"))]
pub(super) fn protect_memory() -> io::Result<()> {
    Ok(())
}
