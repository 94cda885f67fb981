//! What a command knows of the process it runs in. `main` looks once and hands it over, so that everything else can be
//! tried out with any surroundings.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use super::proxy::Proxies;
use crate::model::item::{Credentials, Extras};
use crate::model::time::UnixMs;
use crate::model::words;

/// The surroundings of a command.
pub struct Context {
    /// The working folder, absolute.
    pub cwd: PathBuf,
    /// The file mode mask.
    pub umask: u32,
    /// Where the screen proposes to put downloads.
    pub downloads: PathBuf,
    /// Where the file of `-o -` lies while it is streamed; there already, private to this user.
    pub spool: PathBuf,
    /// Whether the engine runs on another machine, so that paths are not this one's.
    pub remote: bool,
    /// The environment's proxies.
    pub proxies: Proxies,
    /// What stdout is.
    pub stdout: Surface,
    /// What stderr is.
    pub stderr: Surface,
    /// The wall clock.
    pub now: fn() -> UnixMs,
    /// Reads a Metalink file.
    pub read_metalink: ReadMetalink,
    /// Says what is wrong with a cookie file, as a sentence.
    pub check_cookies: fn(&Path) -> Result<(), String>,
    /// Looks a URL's host up in `~/.netrc`.
    pub netrc: Netrc,
    /// Asks for a password where nobody sees it; [`super::ask_password`] but in tests.
    pub ask_password: fn(prompt: &str) -> io::Result<String>,
}

/// Reads the bytes of a Metalink file; the error is a sentence.
pub type ReadMetalink = fn(&[u8]) -> Result<Vec<MetalinkFile>, String>;

/// Finds the credentials for a URL's host; the error is a sentence.
pub type Netrc = Box<dyn Fn(&Url) -> Result<Option<Credentials>, String> + Send + Sync>;

/// One file that a Metalink describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetalinkFile {
    /// Its first source.
    pub url: Url,
    /// The name that it gives the file.
    pub name: Option<String>,
    /// What else it says: mirrors, size, sums.
    pub extras: Extras,
}

/// What an output stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// Whether there was none when the process began: what is written goes nowhere.
    pub closed: bool,
    /// Whether it is a terminal.
    pub terminal: bool,
    /// Whether it may be written in colour.
    pub colour: bool,
    /// Columns, where it is a terminal that tells.
    pub columns: Option<u16>,
    /// Rows, where it is a terminal that tells.
    pub rows: Option<u16>,
    /// Whether haul's own signs are plain ASCII there, as the locale wants it; names are written as they are.
    pub ascii: bool,
}

impl Surface {
    /// Looks at stdout. Colour needs a terminal and an unset `NO_COLOR`.
    pub fn of_stdout(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self::of(&io::stdout(), &variable)
    }

    /// Looks at stderr, in the same way.
    pub fn of_stderr(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self::of(&io::stderr(), &variable)
    }

    fn of(
        stream: &(impl io::IsTerminal + rustix::fd::AsFd),
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let terminal = stream.is_terminal();
        let size =
            rustix::termios::tcgetwinsize(stream).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variable("TERM").is_some_and(|term| term == "dumb");
        Self {
            closed: false,
            terminal,
            colour: terminal && !plain,
            columns: size.map(|size| size.ws_col).filter(|_| terminal),
            rows: size.map(|size| size.ws_row).filter(|_| terminal),
            ascii: words::is_ascii_locale(variable),
        }
    }
}

impl Context {
    /// Makes a path absolute: from the working folder, without `.` in it.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.cwd.join(path).components().collect()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cwd", &self.cwd)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
