//! The terminal as haul borrows it, and gives it back: at the end, before a panic is told, before the shell comes to the front.
//!
//! Frames are written by a thread of their own, one at a time: a terminal that doesn't take them (a slow line, Ctrl-S) never holds up
//! anything else; what it missed is in the next frame.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use crokey::crossterm::clipboard::CopyToClipboard;
use crokey::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crokey::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crokey::crossterm::{cursor, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal as Ratatui};
use tokio::sync::Notify;

use crate::model::printable::printable;

/// Whether the terminal is borrowed now.
static BORROWED: AtomicBool = AtomicBool::new(false);
/// Whether the task bar shows how far everything is.
static IN_TASK_BAR: AtomicBool = AtomicBool::new(false);
/// Takes that away.
const NO_PROGRESS: &str = "\u{1b}]9;4;0;0\u{1b}\\";
/// Whether anything panicked.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// A borrowed terminal. Dropping it gives it back.
pub(crate) struct Terminal {
    screen: Ratatui<CrosstermBackend<Page>>,
    page: Page,
    writer: mpsc::Sender<Vec<u8>>,
    busy: Arc<AtomicBool>,
    idle: Arc<Notify>,
    /// Whether the mouse is asked for.
    mouse: bool,
}

impl Terminal {
    /// Borrows the terminal.
    ///
    /// # Errors
    /// It can't be switched to raw mode, or the system gives no thread.
    pub(crate) fn borrow(mouse: bool) -> io::Result<Self> {
        give_back_before_panics();
        let page = Page::default();
        let (busy, idle) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let writer = writer(Arc::clone(&busy), Arc::clone(&idle))?;
        let screen = Ratatui::new(CrosstermBackend::new(page.clone()))?;
        let terminal = Self { screen, page, writer, busy, idle, mouse };
        take(mouse)?;
        Ok(terminal)
    }

    /// Whether the last frame is on the screen, so that the next one may be drawn.
    pub(crate) fn is_ready(&self) -> bool {
        !self.busy.load(Ordering::Acquire)
    }

    /// What tells that the last frame is on the screen.
    pub(crate) fn idle(&self) -> Arc<Notify> {
        Arc::clone(&self.idle)
    }

    /// Draws a frame and hands it to the writer.
    ///
    /// # Errors
    /// The size of the terminal is not known.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.screen.draw(draw)?;
        self.send();
        Ok(())
    }

    /// Forgets what is on the screen: the next frame draws everything.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        // Not `clear`: that asks the terminal where its cursor is, and the answer would come among the keys.
        let size = self.screen.size()?;
        self.screen.resize(size.into())
    }

    /// Puts a text on the clipboard of the terminal that a person sits at, wherever haul runs.
    pub(crate) fn copy(&mut self, text: &str) {
        // A page takes everything.
        let _ = queue!(self.page, CopyToClipboard::to_clipboard_from(text));
    }

    /// Rings the bell.
    pub(crate) fn bell(&mut self) {
        self.page.put("\u{7}");
    }

    /// Tells the desktop something.
    pub(crate) fn notify(&mut self, text: &str) {
        let text: String = printable(text).chars().filter(|c| *c != ';').take(200).collect();
        self.page.put(&format!("\u{1b}]9;{text}\u{1b}\\"));
    }

    /// Says in the window's title and in the task bar how far everything is. Progress that was never shown is never taken away:
    /// not every terminal knows what it is.
    pub(crate) fn tell(&mut self, title: Option<&str>, progress: Option<u8>) {
        if let Some(title) = title {
            let _ = queue!(self.page, SetTitle(printable(title)));
        }
        if let Some(percent) = progress {
            IN_TASK_BAR.store(true, Ordering::Release);
            self.page.put(&format!("\u{1b}]9;4;1;{percent}\u{1b}\\"));
        } else if IN_TASK_BAR.swap(false, Ordering::AcqRel) {
            self.page.put(NO_PROGRESS);
        }
    }

    /// Asks for the mouse, or leaves it to the terminal.
    pub(crate) fn use_mouse(&mut self, mouse: bool) {
        if self.mouse == mouse {
            return;
        }
        self.mouse = mouse;
        let _ = if mouse {
            queue!(self.page, EnableMouseCapture)
        } else {
            queue!(self.page, DisableMouseCapture)
        };
    }

    /// Hands on what is written, where nothing else is on its way.
    pub(crate) fn send(&mut self) {
        if !self.is_ready() {
            return;
        }
        let bytes = self.page.take();
        if bytes.is_empty() {
            return;
        }
        self.busy.store(true, Ordering::Release);
        // A writer that ended has said why on its way.
        let _ = self.writer.send(bytes);
    }

    /// Takes it again, and draws everything anew.
    pub(crate) fn take_again(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        self.forget()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let was_borrowed = BORROWED.swap(true, Ordering::AcqRel);
    let mut out = io::stdout().lock();
    if !was_borrowed {
        // The window's title is put aside until the terminal is given back.
        out.write_all(b"\x1b[22;2t")?;
    }
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
    if mouse {
        queue!(out, EnableMouseCapture)?;
    }
    out.flush()
}

/// Gives the terminal back as it was. Does nothing where it is not borrowed.
pub(crate) fn give_back() {
    if !BORROWED.swap(false, Ordering::AcqRel) {
        return;
    }
    let mut out = Vec::new();
    // Nothing here can be told to anybody if it fails: the terminal is gone then.
    let _ = queue!(
        out,
        DisableFocusChange,
        DisableMouseCapture,
        DisableBracketedPaste,
        cursor::Show,
        LeaveAlternateScreen
    );
    if IN_TASK_BAR.swap(false, Ordering::AcqRel) {
        out.extend_from_slice(NO_PROGRESS.as_bytes());
    }
    out.extend_from_slice(b"\x1b[23;2t");
    let stdout = io::stdout();
    let _ = stdout.lock().write_all(&out);
    let _ = stdout.lock().flush();
    let _ = disable_raw_mode();
}

/// Whether anything panicked since the terminal was borrowed first: then it is given back, and nothing may draw on it.
pub(crate) fn is_broken() -> bool {
    BROKEN.load(Ordering::Acquire)
}

/// A panic is told on a terminal that can show it.
fn give_back_before_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            BROKEN.store(true, Ordering::Release);
            give_back();
            before(panic);
        }));
    });
}

/// Where a frame is put together before it goes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn put(&mut self, text: &str) {
        let _ = self.write_all(text.as_bytes());
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread that writes frames.
fn writer(busy: Arc<AtomicBool>, idle: Arc<Notify>) -> io::Result<mpsc::Sender<Vec<u8>>> {
    let (sender, frames) = mpsc::channel::<Vec<u8>>();
    std::thread::Builder::new().name("screen".into()).spawn(move || {
        for frame in frames {
            let mut out = io::stdout().lock();
            // Asked with the lock in hand: what gives the terminal back has it for its last words.
            if BORROWED.load(Ordering::Acquire) {
                // A terminal that is gone is noticed where its keys come from.
                let _ = out.write_all(b"\x1b[?2026h");
                let _ = out.write_all(&frame);
                let _ = out.write_all(b"\x1b[?2026l");
                let _ = out.flush();
            }
            drop(out);
            busy.store(false, Ordering::Release);
            idle.notify_one();
        }
    })?;
    Ok(sender)
}
