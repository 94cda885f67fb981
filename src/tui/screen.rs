//! The screen while it runs: messages in, effects out, a frame where something changed and at most thirty a second.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::app::{App, Options};
use super::effect::{Effect, Msg};
use super::hit::Hits;
use super::keep::Keep;
use super::link::{Connect, Link};
use super::signals::{self, Signalled, Signals, Stopped};
use super::terminal::{self, Terminal};
use super::{input, view};
use crate::model::media::MediaId;
use crate::model::time::UnixMs;

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// How often the window's title may change.
const TITLE: Duration = Duration::from_secs(1);

/// How the screen ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody left.
    Left {
        /// A sentence that says what goes on, where anything does.
        told: Option<String>,
        /// The newest line of the log.
        seen: Option<u64>,
    },
    /// The terminal was closed.
    Closed,
}

/// Runs the screen on this process's terminal until somebody leaves or it is closed. Must run within a `LocalSet`.
///
/// # Errors
/// The terminal can't be used, or the theme.
pub async fn run(
    connect: Connect,
    options: Options,
    now: fn() -> UnixMs,
    keep: Box<dyn Keep>,
) -> io::Result<Ended> {
    let app = App::new(options).map_err(|error| io::Error::other(error.to_string()))?;
    let mut signals = Signals::listen()?;
    let (to, mut messages) = mpsc::unbounded_channel();
    let link = Link::default();
    let terminal = Terminal::borrow(app.options.ui.mouse)?;
    let idle = terminal.idle();
    let mut keeping = tokio::task::spawn_local(link.clone().keep(connect, to.clone()));
    let mut reading = tokio::task::spawn_local(input::read(to.clone()));
    let mut screen = Screen {
        app,
        terminal,
        link: link.clone(),
        to,
        now,
        keep,
        dirty: true,
        drawn: None,
        titled: None,
        told: None,
        ended: None,
    };
    screen.measure();
    let mut ticked = Instant::now();
    let ended = loop {
        if let Some(goodbye) = screen.ended {
            let (told, seen) = (screen.app.last_words(), screen.app.seen());
            break Ok((Ended::Left { told, seen }, goodbye));
        }
        if terminal::is_broken() {
            break Err(io::Error::other("a part of it broke down; what it said is above"));
        }
        let frame_due = screen.drawn.map_or_else(Instant::now, |drawn| drawn + FRAME);
        // Counted from the last one: messages that keep coming must not put it off.
        let tick_due = ticked + Duration::from_millis(screen.app.next_tick().unwrap_or(3_600_000));
        tokio::select! {
            biased;
            done = &mut reading => match done {
                Ok(Ok(())) => break Ok((Ended::Closed, false)),
                Ok(Err(error)) => break Err(error),
                Err(_) => break Err(io::Error::other("the keys are no longer read")),
            },
            _ = &mut keeping => break Err(io::Error::other("nobody minds the connection any more")),
            signalled = signals.next() => screen.signalled(signalled),
            Some(message) = messages.recv() => {
                screen.take_in(message);
                while let Ok(message) = messages.try_recv() {
                    screen.take_in(message);
                }
            }
            () = sleep_until(frame_due), if screen.dirty && screen.terminal.is_ready() => screen.draw()?,
            () = idle.notified(), if screen.dirty && !screen.terminal.is_ready() => {}
            () = sleep_until(tick_due) => {
                ticked = Instant::now();
                screen.take_in(Msg::Tick);
            }
        }
    };
    reading.abort();
    keeping.abort();
    drop(screen);
    let (ended, goodbye) = ended?;
    if goodbye {
        link.goodbye().await;
    }
    Ok(ended)
}

/// Everything that one turn of the loop works on.
struct Screen {
    app: App,
    terminal: Terminal,
    link: Link,
    to: mpsc::UnboundedSender<Msg>,
    now: fn() -> UnixMs,
    keep: Box<dyn Keep>,
    /// Whether something changed since the last frame.
    dirty: bool,
    drawn: Option<Instant>,
    titled: Option<Instant>,
    /// The title and the progress that the terminal shows.
    told: Option<(Option<String>, Option<u8>)>,
    /// Whether the end was asked for, and with a goodbye.
    ended: Option<bool>,
}

impl Screen {
    fn take_in(&mut self, message: Msg) {
        self.dirty = true;
        for effect in self.app.update((self.now)(), message) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Call(purpose, request) => self.link.call(purpose, *request, &self.to),
            Effect::Copy(text) => {
                self.terminal.copy(&text);
                self.terminal.send();
            }
            Effect::Open(path) => {
                if let Err(error) = super::player::open(&path) {
                    let told = format!("{} can't be opened: {error}", path.display());
                    self.told(Err(told));
                }
            }
            Effect::Play(path) => {
                let told = match super::player::play(&self.app.options.player, &path) {
                    Ok(()) => {
                        Ok(format!("playing {}", path.file_name().unwrap_or_default().to_string_lossy()))
                    }
                    Err(error) => {
                        // What is gone is marked when it is asked about.
                        self.app.library.refresh();
                        Err(format!("{} can't be played: {error}", path.display()))
                    }
                };
                self.told(told);
            }
            Effect::Picture(id, bytes, room) => self.picture(id, bytes, room),
            Effect::Bell => {
                self.terminal.bell();
                self.terminal.send();
            }
            Effect::Notify(text) => {
                self.terminal.notify(&text);
                self.terminal.send();
            }
            Effect::ListSettings => {
                let listed = self.keep.list();
                self.tell(Msg::Settings(listed));
            }
            Effect::Change(change) => {
                let kept = self.keep.change(&change);
                if let Ok(kept) = &kept {
                    self.terminal.use_mouse(kept.ui.mouse);
                }
                self.tell(Msg::Kept(change, kept.map(Box::new)));
            }
            Effect::Suspend => self.suspend(Stopped::All),
            Effect::Redraw => self.anew(),
            Effect::Start => self.link.start(),
            Effect::Quit { goodbye } => self.ended = Some(goodbye),
        }
    }

    fn told(&mut self, told: Result<String, String>) {
        self.tell(Msg::Told(told));
    }

    fn tell(&mut self, message: Msg) {
        // The loop that reads it is this one.
        let _ = self.to.send(message);
    }

    /// Makes a cover ready, on a thread that nobody waits for.
    fn picture(&self, id: MediaId, bytes: Arc<[u8]>, room: (u16, u16)) {
        let Some(pictures) = self.app.options.pictures else { return };
        let to = self.to.clone();
        tokio::task::spawn_blocking(move || {
            // A screen that is gone shows none.
            let _ = to.send(Msg::Pictured(id, room, pictures.make(&bytes, room)));
        });
    }

    fn signalled(&mut self, signalled: Signalled) {
        match signalled {
            Signalled::Resized => self.measure(),
            Signalled::Stop => self.suspend(Stopped::Alone),
            Signalled::GoesOn => self.come_back(),
        }
    }

    fn measure(&mut self) {
        if let Ok((columns, rows)) = crokey::crossterm::terminal::size() {
            self.take_in(Msg::Resize(columns, rows));
        }
    }

    fn suspend(&mut self, whom: Stopped) {
        if !signals::has_shell() {
            return self.told(Err("there is no shell to go back to".into()));
        }
        terminal::give_back();
        // Where it stops, the signal that lets it go on takes the terminal again.
        if let Err(error) = signals::stop(whom) {
            self.come_back();
            self.told(Err(format!("it can't stop: {error}")));
        }
    }

    fn come_back(&mut self) {
        if self.terminal.take_again().is_err() {
            self.ended = Some(false);
        }
        self.measure();
    }

    fn anew(&mut self) {
        if self.terminal.forget().is_err() {
            self.ended = Some(false);
        }
        self.dirty = true;
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.titled.is_none_or(|titled| now - titled >= TITLE) {
            let told = (self.app.title(), self.app.progress());
            if self.told.as_ref() != Some(&told) {
                self.terminal.tell(told.0.as_deref(), told.1);
                self.told = Some(told);
                self.titled = Some(now);
            }
        }
        let mut hits = Hits::default();
        let app = &self.app;
        self.terminal.draw(|frame| hits = view::draw(app, frame))?;
        self.app.drawn(hits);
        self.dirty = false;
        self.drawn = Some(now);
        Ok(())
    }
}
