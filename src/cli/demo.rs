//! `haul demo --serve`: tells what the built-in shop sells, and stays until Ctrl-C.

use url::Url;

use super::context::Surface;
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use crate::links::entry::Entry;
use crate::links::list;

/// Writes the links as a list that `haul get -i` takes, then waits for Ctrl-C.
pub async fn attend_shop(links: impl Iterator<Item = (Url, &'static str)>, page: String) -> Status {
    let mut output = Output::of_process(Surface::default(), Surface::default());
    let ended = tell_and_wait(links, &page, &mut output).await;
    super::finish(ended, &mut output)
}

async fn tell_and_wait(
    links: impl Iterator<Item = (Url, &'static str)>,
    page: &str,
    output: &mut Output,
) -> Result<Status, CliError> {
    let mut interrupts = Interrupts::from_now_on()?;
    for (url, name) in links {
        output.line(&list::line(&Entry { name: Some(name.into()), ..Entry::new(url) }))?;
    }
    output.flush()?;
    output.say(&format!(
        "haul: the shop is open, with a page at {page} for `haul agent run --door`. Ctrl-C closes it."
    ));
    interrupts.next().await;
    Ok(Status::Done)
}
