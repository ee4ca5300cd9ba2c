//! A program run to its end, with its time and memory.
//!
//! The kernel keeps the peak memory of finished children only as one maximum for all of them, so each
//! measured program gets a process of this program to itself, which has no other children.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::{Value, json};

/// The first argument that makes this program a measuring one.
pub(crate) const WORD: &str = "measure";

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// CPU seconds of the program and its children.
    pub(crate) cpu: f64,
    /// CPU seconds of the server meanwhile.
    pub(crate) server_cpu: f64,
    /// Peak resident memory of its largest process, MiB, as the kernel kept it.
    pub(crate) memory: f64,
    /// Peak of the resident memory of all its processes together, MiB, as sampled; what they share
    /// counts for each.
    pub(crate) memory_of_all: f64,
    /// Bytes it left, where that means something.
    pub(crate) bytes: u64,
}

/// `measure PROGRAM ARGUMENT…`: prints one line of JSON on standard output.
pub(crate) fn run_and_tell(arguments: &[String]) -> ExitCode {
    let Some((program, arguments)) = arguments.split_first() else {
        eprintln!("dr-benches: nothing to measure");
        return ExitCode::from(2);
    };
    let (ended, ends) = channel();
    let sampler = std::thread::spawn(move || most_memory_of_children(&ends));
    let began = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        // Progress and tables are not what is measured; errors are on standard error.
        .stdout(Stdio::null())
        .status();
    let wall = began.elapsed().as_secs_f64();
    drop(ended);
    let sampled = sampler.join().expect("the sampler does not panic");
    let code = match status {
        Ok(status) => status.code().unwrap_or(255),
        Err(error) => {
            eprintln!("dr-benches: {program} does not start: {error}");
            255
        }
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process may ask for its own usage");
    let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
    let largest = u64::try_from(usage.max_rss()).expect("memory is not negative");
    println!(
        "{}",
        json!({
            "code": code,
            "wall": wall,
            "cpu": seconds(usage.user_time()) + seconds(usage.system_time()),
            "max_rss_kib": largest,
            // A run may be over before the second sample.
            "sum_rss_kib": sampled.max(largest),
        })
    );
    ExitCode::SUCCESS
}

/// KiB of all descendants of this process together, at their most, until the other end is dropped.
fn most_memory_of_children(ends: &Receiver<()>) -> u64 {
    let this = std::process::id();
    let mut most = 0;
    while let Err(RecvTimeoutError::Timeout) = ends.recv_timeout(Duration::from_millis(100)) {
        let processes = processes();
        let mut family = vec![this];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            family.extend(
                processes
                    .iter()
                    .filter(|one| one.parent == parent)
                    .map(|one| one.pid),
            );
            next += 1;
        }
        let sum = processes
            .iter()
            .filter(|one| one.pid != this && family.contains(&one.pid))
            .map(|one| one.resident_kib)
            .sum();
        most = most.max(sum);
    }
    most
}

/// Runs a command under measurement; `server` is the data folder whose server works for it.
///
/// # Panics
///
/// When the command fails: a number of a failed run is no number.
pub(crate) fn measure(command: &Command, server: &Path) -> Run {
    let this = std::env::current_exe().expect("a running program has a path");
    let mut measured = Command::new(this);
    measured.arg(WORD).arg(command.get_program());
    measured.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    let before = server_cpu(server);
    let output = measured
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("this program can run itself");
    let server_cpu = server_cpu(server) - before;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    assert!(
        told["code"] == 0,
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let number = |name: &str| told[name].as_f64().expect("the measuring process tells it");
    Run {
        wall: number("wall"),
        cpu: number("cpu"),
        server_cpu,
        memory: number("max_rss_kib") / 1024.0,
        memory_of_all: number("sum_rss_kib") / 1024.0,
        bytes: 0,
    }
}

/// CPU seconds a server has used: the postmaster, its finished children and its living ones.
fn server_cpu(data: &Path) -> f64 {
    let pid_file = std::fs::read_to_string(data.join("postmaster.pid")).expect("the server runs");
    let postmaster: u32 = pid_file
        .lines()
        .next()
        .and_then(|line| line.parse().ok())
        .expect("the first line of postmaster.pid is the pid");
    let mut ticks = 0;
    for process in processes() {
        if process.pid == postmaster {
            ticks += process.ticks + process.ticks_of_children;
        } else if process.parent == postmaster {
            ticks += process.ticks;
        }
    }
    // USER_HZ, what /proc counts in, is 100 on every Linux architecture this runs on.
    ticks as f64 / 100.0
}

/// One process, as /proc tells of it.
struct Process {
    pid: u32,
    parent: u32,
    /// CPU time of itself.
    ticks: u64,
    /// CPU time of its children that ended.
    ticks_of_children: u64,
    resident_kib: u64,
}

fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("/proc is there");
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A process may end between the listing and the look at it.
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The second field, the name, is in parentheses and may hold anything; after it come
            // state, ppid, …, with utime, stime, cutime and cstime as the 12th to 15th of the rest
            // and the resident pages as the 22nd.
            let (_, rest) = stat.rsplit_once(") ")?;
            let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
            let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
            Some(Process {
                pid,
                parent: u32::try_from(field(1)?).ok()?,
                ticks: field(11)? + field(12)?,
                ticks_of_children: field(13)? + field(14)?,
                // Pages have 4 KiB wherever the stock servers of `scripts/servers` run.
                resident_kib: field(21)? * 4,
            })
        })
        .collect()
}

/// Bytes of all files under a folder, or of one file.
pub(crate) fn size_of(path: &Path) -> u64 {
    let metadata = std::fs::metadata(path).expect("it was just written");
    if metadata.is_file() {
        return metadata.len();
    }
    std::fs::read_dir(path)
        .expect("the folder is readable")
        .map(|entry| size_of(&entry.expect("the folder is readable").path()))
        .sum()
}
