//! A terminal for the program under test: what it draws can be read, keys can be pressed, and a test waits for what it sees.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::site::DEADLINE;

/// A program in a terminal of its own; killed when it is dropped.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Option<Box<dyn Write + Send>>,
    master: Option<Box<dyn MasterPty + Send>>,
    shown: Arc<Shown>,
    reader: Option<JoinHandle<()>>,
}

/// What the terminal shows, and whether that may still change.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: vt100::Parser,
    /// All that the program wrote, for what a screen doesn't hold.
    raw: Vec<u8>,
    is_over: bool,
    /// Whether the terminal is being taken away.
    is_closing: bool,
}

/// What a program is started with.
pub(crate) struct Start {
    /// The program: the one under test, or a shell that starts it.
    pub(crate) program: OsString,
    /// Arguments.
    pub(crate) args: Vec<OsString>,
    /// The whole environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
}

impl Terminal {
    /// Starts a program.
    pub(crate) fn start(start: Start) -> Self {
        let (columns, rows) = start.size;
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut command = CommandBuilder::new(start.program);
        command.args(start.args);
        command.env_clear();
        for (name, value) in start.environment {
            command.env(name, value);
        }
        command.cwd(start.folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        let state = State { parser, raw: Vec::new(), is_over: false, is_closing: false };
        let shown = Arc::new(Shown { state: Mutex::new(state), changed: Condvar::new() });
        let from = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let of_thread = Arc::clone(&shown);
        let reader = std::thread::spawn(move || of_thread.read(from));
        Self { child, keys: Some(keys), master: Some(pair.master), shown, reader: Some(reader) }
    }

    /// Writes what a keyboard, a mouse or a paste would send.
    pub(crate) fn send(&mut self, bytes: &str) {
        let keys = self.keys.as_mut().unwrap();
        keys.write_all(bytes.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    /// Pastes a text, as a terminal does that was asked to mark pastes.
    pub(crate) fn paste(&mut self, text: &str) {
        assert!(self.shown.lock().parser.screen().bracketed_paste(), "nobody asked for marked pastes");
        self.send(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Draws as another program would that has the same terminal.
    pub(crate) fn scribble(&self, text: &str) {
        self.shown.lock().parser.process(text.as_bytes());
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.shown.lock().parser.screen_mut().set_size(cells(rows), cells(columns));
        self.master.as_ref().unwrap().resize(size(columns, rows)).unwrap();
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.process_id().and_then(|id| Pid::from_raw(id.try_into().unwrap()));
        kill_process(id.unwrap(), signal).unwrap();
    }

    /// Waits until the text on the screen is as the test wants it, and returns it. A program that ends, or the deadline, fails the test.
    pub(crate) fn wait_until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> String {
        self.wait(what, |state| {
            let text = state.parser.screen().contents();
            is_so(&text).then_some(text)
        })
    }

    /// Waits until a text is on the screen.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?} is shown"), |shown| shown.contains(text))
    }

    /// Waits until the program wrote a text, seen or not.
    pub(crate) fn wait_for_raw(&self, text: &str) {
        let holds = |state: &State| state.raw.windows(text.len()).any(|part| part == text.as_bytes());
        self.wait(&format!("{text:?} is written"), |state| holds(state).then_some(()));
    }

    /// Waits until a text is no longer on the screen.
    pub(crate) fn wait_gone(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?} is gone"), |shown| !shown.contains(text))
    }

    /// Returns the text on the screen.
    pub(crate) fn text(&self) -> String {
        self.shown.lock().parser.screen().contents()
    }

    /// Returns all that the program wrote.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().raw).into_owned()
    }

    /// Whether the program draws on a screen of its own, apart from the shell's.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.shown.lock().parser.screen().alternate_screen()
    }

    /// What the program asked of the terminal and has not taken back, in words; empty for a terminal as it was.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        let state = self.shown.lock();
        let screen = state.parser.screen();
        let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
        let asked = [
            (screen.alternate_screen(), "another screen"),
            (screen.bracketed_paste(), "marked pastes"),
            (screen.hide_cursor(), "no cursor"),
            (mouse, "the mouse"),
            (screen.application_cursor(), "other arrow keys"),
        ];
        asked.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect()
    }

    /// Whether the terminal gives out whole lines and echoes them, as a shell finds it.
    pub(crate) fn is_cooked(&self) -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        // Opened by its name: the master's own descriptor isn't handed out as one that may be borrowed.
        let name = self.master.as_ref().unwrap().tty_name().unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let terminal = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        let modes = tcgetattr(terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Takes the terminal away, as a window that is closed does.
    pub(crate) fn close(&mut self) {
        self.shown.lock().is_closing = true;
        // What the program draws for the new size wakes the reader, which holds the terminal open too.
        self.resize(61, 17);
        let _ = self.reader.take().map(JoinHandle::join);
        self.keys = None;
        self.master = None;
    }

    /// Waits for the program's end.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it doesn't end; on its screen:\n{}", self.text());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Waits for the program's end and for all that it wrote, and returns that without the full screen.
    pub(crate) fn farewell(&mut self) -> (ExitStatus, String) {
        let status = self.wait_end();
        let end = Instant::now() + DEADLINE;
        let mut state = self.shown.lock();
        while !state.is_over && Instant::now() < end {
            state = self.shown.changed.wait_timeout(state, end - Instant::now()).unwrap().0;
        }
        (status, state.parser.screen().contents())
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        let mut state = self.shown.lock();
        loop {
            if let Some(found) = look(&state) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let is_lost = state.is_over || left.is_zero();
            assert!(!is_lost, "{what}: never; on the screen:\n{}", state.parser.screen().contents());
            state = self.shown.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn read(&self, mut from: Box<dyn Read + Send>) {
        let mut buffer = [0; 16 * 1024];
        // A terminal that nobody holds any more ends with an error, on Linux.
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let mut state = self.lock();
            state.parser.process(&buffer[..len]);
            state.raw.extend_from_slice(&buffer[..len]);
            self.changed.notify_all();
            if state.is_closing {
                break;
            }
        }
        self.lock().is_over = true;
        self.changed.notify_all();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.keys = None;
        self.master = None;
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}
