//! Prints the lines of standard input that hold a pattern, each the moment it arrives.

mod filter;

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use filter::Filter;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(pattern), None) = (arguments.next(), arguments.next()) else {
        eprintln!("grep-stream: one pattern is wanted\nusage: grep-stream PATTERN");
        return ExitCode::from(2);
    };
    match run(pattern.into_vec()) {
        // Nobody reads any more: no reason to complain.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("grep-stream: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(pattern: Vec<u8>) -> io::Result<()> {
    // A signal becomes a byte in this pipe, so that one `poll` waits for input and signals alike.
    let (signalled, wake) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, wake.try_clone()?)?;
    signal_hook::low_level::pipe::register(SIGINT, wake)?;

    let input = io::stdin();
    let mut filter = Filter::start(pattern, io::stdout())?;
    let mut buffer = [0; 64 * 1024];
    loop {
        let mut wanted = [
            PollFd::new(&signalled, PollFlags::IN),
            PollFd::new(&input, PollFlags::IN),
        ];
        match poll(&mut wanted, None) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        if !wanted[0].revents().is_empty() {
            return filter.stop();
        }
        // Not through `Stdin`, whose buffer `poll` can't see into.
        match rustix::io::read(&input, &mut buffer) {
            Ok(0) => return filter.end_of_input(),
            Ok(length) => filter.receive(&buffer[..length])?,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
