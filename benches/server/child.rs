//! A child process that is stopped, by its own id, when its owner is done with it.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a child may take to stop when asked.
const STOPPING: Duration = Duration::from_secs(15);

/// A running child; asked to stop on drop.
#[derive(Debug)]
pub struct Running {
    child: Child,
    signal: &'static str,
}

impl Running {
    /// Starts `command`; `signal` (`TERM`, `INT`) is what asks it to stop.
    ///
    /// # Errors
    /// A sentence when it cannot be started.
    pub fn start(mut command: Command, signal: &'static str) -> Result<Self, String> {
        let child =
            command.spawn().map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        Ok(Self { child, signal })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard output, when it was piped; once.
    pub fn take_output(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, when it has.
    pub fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Resident memory now; bytes. `None` where /proc is missing.
    pub fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    fn stop(&mut self) {
        let asked = Command::new("kill").arg(format!("-{}", self.signal)).arg(self.id().to_string()).status();
        if asked.is_ok_and(|status| status.success()) {
            let patience = Instant::now() + STOPPING;
            while Instant::now() < patience {
                if self.ended().is_some() {
                    return;
                }
                pause(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.stop();
        }
    }
}

/// Waits; nothing asynchronous runs in this thread.
#[expect(clippy::disallowed_methods, reason = "the bench's own thread has no runtime to block")]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}
