//! Load on purpose: a busy child for each core, so that verdicts which hang on time show themselves.

use std::io;
use std::process::{Child, Command, Stdio};

/// Most children, whatever the host has.
const MOST: usize = 64;

/// Counts for ever, and looks now and then whether its parent is still there, so that nothing stays
/// busy after a harness that was killed.
const BUSY: &str =
    "while kill -0 \"$1\" 2>/dev/null; do i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; done";

/// Busy children; they end with this value.
#[derive(Debug)]
pub struct Stress {
    children: Vec<Child>,
}

impl Stress {
    /// Keeps all cores busy.
    ///
    /// # Errors
    /// Where no child can be started.
    pub fn all_cores() -> io::Result<Stress> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Stress::of(cores.min(MOST))
    }

    fn of(children: usize) -> io::Result<Stress> {
        let mut stress = Stress {
            children: Vec::with_capacity(children),
        };
        for _ in 0..children {
            let child = Command::new("sh")
                .args(["-c", BUSY, "busy", &std::process::id().to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            stress.children.push(child);
        }
        Ok(stress)
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself; there is nobody to tell of anything else.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_run_until_they_are_dropped() {
        let mut stress = Stress::of(2).unwrap();
        let pids: Vec<u32> = stress.children.iter().map(Child::id).collect();
        assert!(
            stress
                .children
                .iter_mut()
                .all(|c| c.try_wait().unwrap().is_none())
        );
        drop(stress);
        // Reaped: the kernel knows none of them as a child of ours any more.
        for pid in pids {
            let gone = rustix::process::waitpid(
                rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()),
                rustix::process::WaitOptions::NOHANG,
            );
            assert!(gone.is_err());
        }
    }
}
