//! The memory of the program, as other processes of its user see it.

use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// The user who runs the program if the tests are root's, because root may read everything.
const NOBODY: u32 = 65534;

/// A folder of an ordinary user, with the program in it.
struct Home {
    folder: TempDir,
    user: u32,
}

impl Home {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let own = fs::metadata(folder.path()).expect("it is there").uid();
        let user = if own == 0 { NOBODY } else { own };
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        chown(folder.path(), Some(user), None).expect("root may, and others keep it");
        // The folder of the build may be closed to this user.
        fs::copy(env!("CARGO_BIN_EXE_portcullis"), folder.path().join("portcullis")).expect("there is room");
        Self { folder, user }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that this user runs.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.uid(self.user).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts the program with a secret in its environment.
    fn start(&self, arguments: &[&str]) -> Running {
        let log = File::create(self.path("log")).expect("a file");
        let child = self
            .command(self.path("portcullis").to_str().expect("UTF-8"))
            .args(arguments)
            .env("PORTCULLIS_SECRET", "0123456789abcdef0123456789abcdef")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Running(child.expect("the program starts"))
    }

    /// Whether the same user may read a file of the process, as a debugger would.
    fn may_read(&self, child: &Child, file: &str) -> bool {
        let path = format!("/proc/{}/{file}", child.id());
        let mut cat = self.command("cat");
        cat.env("PATH", "/usr/bin:/bin").arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        cat.status().expect("there is a cat").success()
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn no_other_process_of_its_user_reads_the_memory_or_the_environment_of_the_program() {
    let home = Home::make();
    // A command that waits for a password, and the server.
    for arguments in [&["users", "create", "ada"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let mut running = home.start(arguments);
        let child = &running.0;
        let is_protected = async || !home.may_read(child, "environ") && !home.may_read(child, "maps");
        crate::support::eventually(is_protected).await;
        assert!(home.may_read(child, "status"), "how much memory it takes is no secret");
        let owner = fs::metadata(format!("/proc/{}/mem", child.id())).expect("it runs").uid();
        assert_eq!(owner, 0, "{arguments:?}");
        let ended = running.0.try_wait().expect("it is ours");
        assert!(ended.is_none(), "{}", fs::read_to_string(home.path("log")).expect("it is there"));
    }
}
