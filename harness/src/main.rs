//! The `gradus` binary.

fn main() -> std::process::ExitCode {
    gradus::cli::main()
}
