//! Runs the program.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parallel-count"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn numbers_are_printed_in_order() {
    let output = run(&["-w", "2", "300000", "1", "0"]);
    assert!(output.status.success());
    assert_eq!(output.stdout, b"300000\n1\n0\n");
}

#[test]
fn bad_arguments_are_refused() {
    for arguments in [
        &[][..],
        &["1"],
        &["-w", "1"],
        &["-w", "0", "1"],
        &["-w", "x", "1"],
        &["-w", "1", "-5"],
        &["-w", "1", "many"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
