//! What stands before the door: opening it for web pages, and having the desktop bring links to the screen.

use std::pin::Pin;
use std::rc::Rc;

use haul::agent::house::House;
use haul::agent::service::Unspeakable;
use haul::cli::{self, OnDesktop, Status};
use haul::client::ConnectError;
use haul::door::Door;
use haul::door::desktop::{DesktopEntry, MAKE_DEFAULT};
use tokio_util::sync::CancellationToken;

use super::agent::tell_system;

/// Opens the door for web pages. An agent without one is better than none.
pub(crate) fn open_door(
    port: u16,
    house: Rc<House>,
    closing: CancellationToken,
) -> Pin<Box<dyn Future<Output = ()>>> {
    match Door::open(port) {
        Ok(door) => {
            tracing::info!("the door for web pages is open at {}", door.url());
            door.serve(house, closing)
        }
        Err(error) => {
            tracing::warn!("the door for web pages can't open at port {port}: {error}");
            Box::pin(std::future::ready(()))
        }
    }
}

/// Has the desktop open links with this program, or no longer.
pub(crate) async fn on_desktop(what: OnDesktop) -> Result<Status, ConnectError> {
    use etcetera::BaseStrategy as _;
    let data = etcetera::choose_base_strategy()
        .map_err(|error| ConnectError::lasting(format!("there is no home folder: {error}"), ""))?
        .data_dir();
    let program = super::place::own_program();
    let entry = DesktopEntry::new(&program, &data)
        .map_err(|error| ConnectError::lasting(error.to_string(), Unspeakable::HINT))?;
    let fail = |what: &str| {
        let text = format!("{} can't be {what}", entry.path.display());
        move |error: std::io::Error| ConnectError::lasting(format!("{text}: {error}"), "check the folder")
    };
    match what {
        OnDesktop::Register { print: true } => {
            cli::say(&format!("haul: {} would be:", entry.path.display()));
            let lines: Vec<_> = entry.text.lines().map(str::to_owned).collect();
            return Ok(cli::tell_lines(&lines));
        }
        OnDesktop::Register { print: false } => {
            entry.write().map_err(fail("written"))?;
            cli::say(&format!("haul: wrote {}.", entry.path.display()));
            tell_system(&[MAKE_DEFAULT.to_vec()]).await;
        }
        OnDesktop::Unregister if entry.remove().map_err(fail("removed"))? => {
            cli::say(&format!("haul: removed {}.", entry.path.display()));
        }
        OnDesktop::Unregister => cli::say("haul: nothing was registered."),
    }
    Ok(Status::Done)
}
