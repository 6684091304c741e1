fn main() {
    if let Err(e) = gradus::arena::child::main() { eprintln!("{e}"); std::process::exit(1); }
}
