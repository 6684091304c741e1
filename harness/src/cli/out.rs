//! The only place that prints. A reader that has seen enough (`| head`) is no error.

use std::io::{self, IsTerminal, Write};

use super::exit::{Exit, Failure};

/// Columns assumed where no terminal tells.
const WIDTH: usize = 80;
const NARROWEST: usize = 40;
const WIDEST: usize = 120;

/// Prints to standard output. Colours are taken out where they aren't wanted: no terminal, `NO_COLOR`;
/// `CLICOLOR_FORCE` keeps them.
///
/// # Errors
/// If it can't be written for another reason than a reader that went away.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints bytes as they are.
///
/// # Errors
/// As [`print`].
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    settle(out.write_all(bytes).and_then(|()| out.flush()))
}

fn settle(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Fault,
            format!("standard output can't be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Tells the user something beside the output. If even that fails there is nobody to tell.
pub fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Tells what went wrong.
pub fn complain(message: &str) {
    let style = anstyle::Style::new()
        .bold()
        .fg_color(Some(anstyle::AnsiColor::Red.into()));
    tell(&format!("{style}error{style:#}: {}", message.trim_end()));
}

/// Columns to write into.
pub fn width() -> usize {
    let given = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    given
        .or_else(terminal_width)
        .unwrap_or(WIDTH)
        .clamp(NARROWEST, WIDEST)
}

pub(super) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() && !io::stderr().is_terminal() {
        return None;
    }
    [libc::STDOUT_FILENO, libc::STDERR_FILENO]
        .into_iter()
        .find_map(|fd| {
            let mut size = libc::winsize {
                ws_row: 0,
                ws_col: 0,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            // Safety: the kernel fills the structure that it is given, or fails.
            let asked = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) };
            (asked == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
        })
}
