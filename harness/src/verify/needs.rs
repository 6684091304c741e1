//! What a fixture needs of the host: commands, and modules of Python.

use std::path::Path;
use std::process::{Command, Stdio};

/// The first of these needs that this host doesn't meet.
pub fn unmet(needs: &[String]) -> Option<String> {
    needs.iter().find(|need| !met(need)).cloned()
}

fn met(need: &str) -> bool {
    match need.split_once(':') {
        Some((python, module)) => has_command(python) && has_module(python, module),
        None => has_command(need),
    }
}

fn has_command(name: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| is_executable(&folder.join(name)))
}

fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

/// Looks for the module without importing it. The name goes as an argument, never into the program.
fn has_module(python: &str, module: &str) -> bool {
    let look =
        "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)";
    Command::new(python)
        .args(["-I", "-c", look, module])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_named() {
        let needs = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(unmet(&needs(&["sh"])), None);
        assert_eq!(unmet(&[]), None);
        assert_eq!(
            unmet(&needs(&["sh", "no-such-command-here"])),
            Some("no-such-command-here".into())
        );
        assert_eq!(
            unmet(&needs(&["no-such-command-here:json"])),
            Some("no-such-command-here:json".into())
        );
        if has_command("python3") {
            assert_eq!(unmet(&needs(&["python3:json"])), None);
            assert_eq!(
                unmet(&needs(&["python3:no_such_module_here"])),
                Some("python3:no_such_module_here".into())
            );
        }
    }
}
