//! `gradus man`: the man pages, made from the definition of the command line.

use clap::CommandFactory;
use clap_mangen::Man as Page;

use super::args::{Cli, Man};
use super::exit::{Exit, Failure};
use super::out;
use crate::store::write_whole;

/// `gradus man`: one page to standard output, or all into a folder (`gradus.1`, `gradus-grade.1`, …).
///
/// # Errors
/// If they can't be written.
pub fn man(args: &Man) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    let Some(folder) = &args.out else {
        return out::print_bytes(&render(root)?).map(|()| Exit::Passed);
    };
    for command in root.get_subcommands().filter(|one| !one.is_hide_set()) {
        if command.get_name() == "help" {
            continue;
        }
        let name = format!("gradus-{}", command.get_name());
        let page = render(
            command
                .clone()
                .name(name.clone())
                .display_name(name.clone()),
        )?;
        write_whole(&folder.join(format!("{name}.1")), &page)?;
    }
    write_whole(&folder.join("gradus.1"), &render(root)?)?;
    Ok(Exit::Passed)
}

fn render(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Page::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new(Exit::Fault, format!("the page can't be made: {error}")))?;
    Ok(page)
}
