//! A server and the shell that keeps it. Used by `Cluster`; knows nothing of databases.
//!
//! The keeper starts the server, says `ready`, then reads its standard input. That pipe closes when
//! the [`Keeper`] is dropped and when its process dies, even by SIGKILL; the keeper then stops the
//! server and deletes its folder. Statics are never dropped in Rust, so a guard alone would leave
//! servers behind.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The user PostgreSQL runs as when the tests run as root: `nobody`, who owns nothing else.
pub(crate) const NOBODY: u32 = 65534;

#[derive(Debug)]
pub(crate) struct Keeper {
    shell: Child,
    stdin: Option<ChildStdin>,
}

// $1 bin folder, $2 the folder that goes away. pg_ctl waits for the server by itself.
const SCRIPT: &str = r#"
"$1/pg_ctl" -D "$2/data" -w -t 60 -l "$2/log" start >"$2/pg_ctl.log" 2>&1 && echo ready || echo failed
read -r _
"$1/pg_ctl" -D "$2/data" -w -t 20 -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
"#;

// The same with a small disk at $2/small, in a mount namespace of its own, which any user may have
// who is root in a user namespace of its own. The server is nobody in one more: it refuses root.
// $1 and $2 as above, $3 the size of the disk, $4 the script above.
const ON_SMALL_DISK: &str = r#"
mkdir "$2/small" && mount -t tmpfs -o "size=$3" tmpfs "$2/small" || { echo failed; exit 1; }
unshare --user --map-user=65534 --map-group=65534 -- \
    /bin/sh -c 'mkdir "$2/small/space"; eval "$3"' keeper "$1" "$2" "$4"
umount "$2/small"
rm -rf "$2"
"#;

impl Keeper {
    /// Start the server whose data folder is `folder/data`; false when the server refused. If
    /// `small` says so, it sees a disk of that size as `folder/small`.
    pub(crate) fn start(bin: &Path, folder: &Path, small: Option<&str>) -> (Self, bool) {
        let mut command = match small {
            None => {
                let mut command = as_server_user("/bin/sh");
                command.args(["-c", SCRIPT, "keeper"]).args([bin, folder]);
                command
            }
            Some(size) => {
                let mut command = as_server_user("unshare");
                command
                    .args(["--user", "--map-root-user", "--mount", "--"])
                    .args(["/bin/sh", "-c", ON_SMALL_DISK, "keeper"])
                    .args([bin, folder])
                    .args([size, SCRIPT]);
                command
            }
        };
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal ends the test, whose end then ends the server in order.
            .process_group(0)
            .spawn()
            .expect("the keeper's shell starts");
        let stdin = shell.stdin.take();
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("stdout was piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the keeper answers");
        let keeper = Self { shell, stdin };
        (keeper, line.trim() == "ready")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The keeper ends by itself now; nothing can be done here about how.
        self.shell.wait().ok();
    }
}

/// Whether this process is root, whom PostgreSQL refuses.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// A command run as the user servers run as, with a clean environment.
pub(crate) fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={NOBODY}"))
            .arg(format!("--regid={NOBODY}"))
            .arg("--clear-groups")
            .arg("--")
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/tmp")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir("/");
    command
}
