//! A server in a process of its own, pinned to cores.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Outcome, http};

/// The time that a server may take to start or to end.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The interval at which a starting server is asked whether it is ready.
const READY_INTERVAL: Duration = Duration::from_millis(1);

/// The kernel's clock ticks of process times: `sysconf(_SC_CLK_TCK)`, which is 100 on all of Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running process, which ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// The time from its start until its first response.
    pub(crate) start: Duration,
}

/// A port on which nothing listens.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Pins `command` to `cores`, a list as `taskset` takes it.
pub(crate) fn pinned(cores: &str, command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", cores]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    pinned
}

impl Process {
    /// Starts a server and waits until `/readyz` responds. Its output goes to the file `log`.
    ///
    /// # Errors
    /// If it ends or does not become ready, with its output.
    pub(crate) fn start(mut command: Command, port: u16, log: &Path) -> Outcome<Self> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let began = Instant::now();
        let mut process = Self { child: command.spawn()?, port, start: Duration::ZERO };
        while !is_ready(port) {
            if process.child.try_wait()?.is_some() || began.elapsed() > START_TIMEOUT {
                return Err(format!("{command:?} does not start: {}", fs::read_to_string(log)?).into());
            }
            thread::sleep(READY_INTERVAL);
        }
        process.start = began.elapsed();
        Ok(process)
    }

    /// The CPU time that the process has used.
    pub(crate) fn cpu_time(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may contain spaces. utime and stime are the 12th and 13th fields after it.
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }

    /// The resident memory of the process, KiB.
    pub(crate) fn memory_kib(&self) -> Outcome<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Ok(resident.ok_or("/proc/PID/status has no VmRSS")?.parse()?)
    }
}

fn is_ready(port: u16) -> bool {
    let response =
        http::Connection::open(port).and_then(|mut connection| connection.send(&http::get("/readyz")));
    response.is_ok_and(|(status, _)| status == 200)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
