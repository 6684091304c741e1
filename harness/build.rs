//! The task packs are part of the binary: a new one in the folder must lead to a new binary.

fn main() {
    println!("cargo::rerun-if-changed=../tasks");
}
