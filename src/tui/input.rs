//! Keys, mouse and pastes as they come from the terminal, until it is closed.
//!
//! crossterm never returns from a wait on a terminal that was closed, and spins on it; so the wait is done here, which sees the
//! closing, and crossterm only reads what is there. Of its two readers the one that asks anew each time is used (`use-dev-tty`): the
//! other is told once of a key, and forgets it where the window's size changed before.

use std::io;
use std::time::Duration;

use crokey::KeyCombination;
use crokey::crossterm::event::{self, Event, KeyEventKind, MouseEventKind};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::burst;
use super::effect::Msg;

/// How long the rest of a burst may take to come.
const REST: Duration = Duration::from_millis(20);
/// How long crossterm may look: with no time at all it doesn't.
const LOOK: Duration = Duration::from_millis(1);
/// A paste that is longer than this is cut: no list of links is.
const LONGEST: usize = 1 << 20;

/// Reads the terminal until it is closed.
pub(crate) async fn read(to: mpsc::UnboundedSender<Msg>) -> io::Result<()> {
    #[expect(
        deprecated,
        reason = "the descriptor of stdin stays open and the same as long as the process lives"
    )]
    let terminal = AsyncFd::with_interest(io::stdin(), Interest::READABLE)?;
    let mut last: Option<(char, Instant)> = None;
    loop {
        let mut guard = terminal.readable().await?;
        if guard.ready().is_read_closed() {
            return Ok(());
        }
        let mut events = what_is_there()?;
        guard.clear_ready();
        while burst::is_burst(&events) {
            tokio::time::sleep(REST).await;
            let more = what_is_there()?;
            if more.is_empty() || events.len() > LONGEST {
                break;
            }
            events.extend(more);
        }
        let before = last.filter(|(_, at)| at.elapsed() < REST * 3).map(|(c, _)| c);
        last = match events.as_slice() {
            [one] => burst::typed(one).map(|c| (c, Instant::now())),
            _ => None,
        };
        for message in burst::joined(events, before).into_iter().filter_map(message) {
            if to.send(message).is_err() {
                return Ok(());
            }
        }
    }
}

fn what_is_there() -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    loop {
        while events.len() < LONGEST && event::poll(LOOK)? {
            events.push(event::read()?);
        }
        // On a busy machine the time may be over before it looked; who wakes this up does so once.
        if events.len() >= LONGEST || rustix::io::ioctl_fionread(rustix::stdio::stdin())? == 0 {
            return Ok(events);
        }
    }
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Msg::Key(KeyCombination::from(key))),
        Event::Key(_) => None,
        // Nothing looks different under a pointer that only moves.
        Event::Mouse(mouse) if mouse.kind == MouseEventKind::Moved => None,
        Event::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        Event::Paste(mut text) => {
            text.truncate(text.floor_char_boundary(LONGEST));
            Some(Msg::Paste(text))
        }
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
    }
}
