//! The engine's end of the process that reads tags: started when it is first needed, and again when it dies.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use data_encoding::BASE64;

use super::serve::MOST_LINE;
use super::wire::{Answer, Ask};
use crate::model::media::{Info, MediaFacts};

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one file may take to be written: a long film may have to make room for its tags.
const WRITE_PATIENCE: Duration = Duration::from_mins(10);
/// Longest answer: a cover in base64.
const MOST_ANSWER: u64 = 8 << 20;
/// How often a file is tried that ended the process; one that took too long is not tried again.
const TRIES: u32 = 2;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It is not there or can't be opened.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// It took too long, or ended the process that read it, each time.
    #[error("its tags could not be read: the reader {0}")]
    Deadly(String),
    /// The process can't be started.
    #[error("the reader of tags can't be started: {0}")]
    NoReader(String),
}

/// A process that reads tags. Dropping this ends it.
pub struct Reader {
    program: PathBuf,
    /// Whether its process may change a file.
    writes: bool,
    patience: Duration,
    running: Option<Running>,
}

struct Running {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<io::Result<Answer>>,
}

/// How a process ended over a file.
enum End {
    /// It took too long, and would again.
    Slow,
    /// Anything else, told.
    Other(String),
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is only waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reader {
    /// Returns a reader that runs `PROGRAM __tags`, not started yet.
    pub fn new(program: PathBuf) -> Self {
        Self { program, writes: false, patience: PATIENCE, running: None }
    }

    /// Returns one whose process may change a file, not started yet.
    pub(super) fn that_writes(program: PathBuf) -> Self {
        Self { writes: true, patience: WRITE_PATIENCE, ..Self::new(program) }
    }

    /// Writes values into a file's tags, in place: for a copy that nobody needs yet.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn write(&mut self, path: &Path, set: &Info) -> Result<(), Trouble> {
        let answer = self.ask(&Ask::write(path, set)).map_err(|trouble| match trouble {
            Trouble::Deadly(how) => {
                Trouble::Unreadable(format!("its tags could not be written: the writer {how}"))
            }
            other => other,
        })?;
        match answer {
            Answer::Written => Ok(()),
            Answer::Failed(text) => Err(Trouble::Unreadable(text)),
            Answer::Facts(_) | Answer::Cover(_) => Err(strange()),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or the process ended over it each time.
    pub fn read(&mut self, path: &Path, media_type: Option<&str>) -> Result<MediaFacts, Trouble> {
        match self.ask(&Ask::new(path, media_type, None))? {
            Answer::Facts(facts) => Ok(*facts),
            Answer::Failed(text) => Err(Trouble::Unreadable(text)),
            Answer::Cover(_) | Answer::Written => Err(strange()),
        }
    }

    /// Takes the cover out of a file, at most `side` pixels a side: a JPEG or PNG.
    ///
    /// # Errors
    /// As for [`Self::read`]; or what is there is no picture.
    pub fn cover(&mut self, path: &Path, side: u32) -> Result<Option<Vec<u8>>, Trouble> {
        match self.ask(&Ask::new(path, None, Some(side)))? {
            Answer::Cover(None) => Ok(None),
            Answer::Cover(Some(text)) => {
                let bytes =
                    BASE64.decode(text.as_bytes()).map_err(|error| Trouble::Unreadable(error.to_string()))?;
                Ok(Some(bytes))
            }
            Answer::Failed(text) => Err(Trouble::Unreadable(text)),
            Answer::Facts(_) | Answer::Written => Err(strange()),
        }
    }

    /// Ends the process until it is needed again.
    pub fn rest(&mut self) {
        self.running = None;
    }

    fn ask(&mut self, ask: &Ask) -> Result<Answer, Trouble> {
        let mut how = String::new();
        let mut line = serde_json::to_vec(ask).map_err(|error| Trouble::Unreadable(error.to_string()))?;
        line.push(b'\n');
        if line.len() as u64 > MOST_LINE {
            return Err(Trouble::Unreadable("more is known of it than its reader takes".into()));
        }
        if self.writes {
            // What ended over a file left it half written: that is not begun with again, and a new process ends over no other file.
            self.running = None;
        }
        for _ in 0..if self.writes { 1 } else { TRIES } {
            let running = match &mut self.running {
                Some(running) => running,
                none => {
                    let started = start(&self.program, self.writes);
                    none.insert(started.map_err(|error| Trouble::NoReader(error.to_string()))?)
                }
            };
            match running.ask(&line, self.patience) {
                Ok(answer) => return Ok(answer),
                Err(End::Slow) => {
                    self.running = None;
                    how = format!("took more than {} s", self.patience.as_secs());
                    break;
                }
                Err(End::Other(why)) => how = why,
            }
            self.running = None;
        }
        Err(Trouble::Deadly(how))
    }
}

impl Running {
    fn ask(&mut self, line: &[u8], patience: Duration) -> Result<Answer, End> {
        // A process that is gone can't be written to; what it last said tells no more.
        self.asks.write_all(line).map_err(|_| self.end())?;
        match self.answers.recv_timeout(patience) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(End::Other(format!("answered nonsense: {error}"))),
            Err(RecvTimeoutError::Timeout) => Err(End::Slow),
            Err(RecvTimeoutError::Disconnected) => Err(self.end()),
        }
    }

    fn end(&mut self) -> End {
        End::Other(match self.child.wait() {
            Ok(status) => format!("ended with {status}"),
            Err(error) => format!("ended: {error}"),
        })
    }
}

fn strange() -> Trouble {
    Trouble::Unreadable("the reader answered something else".into())
}

fn start(program: &Path, writes: bool) -> io::Result<Running> {
    let mut child = Command::new(program)
        .arg("__tags")
        .args(writes.then_some("--write"))
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(asks), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let (to_answers, answers) = channel();
    std::thread::Builder::new().name("tags".into()).spawn(move || {
        let mut said = BufReader::new(said);
        let mut line = Vec::new();
        loop {
            line.clear();
            match said.by_ref().take(MOST_ANSWER).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let answer = serde_json::from_slice(&line).map_err(io::Error::from);
            if to_answers.send(answer).is_err() {
                return;
            }
        }
    })?;
    Ok(Running { child, asks, answers })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A reader whose process is a shell script.
    fn scripted(folder: &Path, script: &str) -> Reader {
        let program = folder.join("reader");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Reader { patience: Duration::from_millis(300), ..Reader::new(program) }
    }

    #[test]
    fn one_process_answers_many_questions() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = scripted(folder.path(), "while read line; do echo '{\"failed\":\"'$$'\"}'; done");
        let mut ask = || reader.read(Path::new("/a"), None).unwrap_err();
        let first = ask();
        assert!(matches!(first, Trouble::Unreadable(_)), "{first}");
        assert_eq!(first, ask());
    }

    #[test]
    fn a_file_that_ends_the_process_is_tried_twice_and_the_next_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        // `/d` in hex is 2f64.
        let script = format!(
            "echo x >> {}; while read line; do case $line in *2f64*) exit 7;; *) echo '{{\"cover\":null}}';; esac; done",
            count.display()
        );
        let mut reader = scripted(folder.path(), &script);
        let deadly = reader.read(Path::new("/d"), None).unwrap_err();
        assert!(matches!(&deadly, Trouble::Deadly(how) if how.contains('7')), "{deadly}");
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 2);
        assert_eq!(reader.cover(Path::new("/a"), 100), Ok(None));
    }

    #[test]
    fn a_file_that_ends_the_writer_is_half_written_and_not_begun_with_again() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> {}; read line; exit 7", count.display());
        let mut writer = Reader { writes: true, ..scripted(folder.path(), &script) };
        let why = writer.write(Path::new("/a"), &Info::new()).unwrap_err().to_string();
        assert!(why.contains("could not be written") && why.contains('7'), "{why}");
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_process_that_hangs_or_talks_nonsense_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = scripted(folder.path(), "exec sleep 600");
        assert!(matches!(reader.read(Path::new("/a"), None), Err(Trouble::Deadly(_))));
        let mut reader = scripted(folder.path(), "while read line; do echo hello; done");
        let trouble = reader.read(Path::new("/a"), None).unwrap_err();
        assert!(trouble.to_string().contains("nonsense"), "{trouble}");
        let mut reader = Reader::new(folder.path().join("none"));
        assert!(matches!(reader.read(Path::new("/a"), None), Err(Trouble::NoReader(_))));
    }
}
