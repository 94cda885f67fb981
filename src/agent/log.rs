//! The agent's log: a file a day in the state folder, the oldest of them deleted.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

/// How the log's files are called: this, the date, and `log`.
const PREFIX: &str = "agent";
/// The end of their names.
const SUFFIX: &str = "log";

/// Bytes of the log that are read for its last lines, at most: they go into one message.
const MOST: u64 = 4 << 20;

/// Sends the process's log to its file, of which those of so many days are kept, and to stderr too where somebody may read that.
///
/// # Errors
/// The state folder can't be written, or there is a log already.
pub(super) fn start(state: &Path, days: usize, to_stderr: bool) -> std::io::Result<()> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(PREFIX)
        .filename_suffix(SUFFIX)
        .max_log_files(days)
        .build(state)
        .map_err(std::io::Error::other)?;
    let logged = tracing_subscriber::fmt().with_ansi(false).with_target(false);
    let begun = if to_stderr {
        logged.with_writer(file.and(std::io::stderr)).try_init()
    } else {
        logged.with_writer(file).try_init()
    };
    begun.map_err(std::io::Error::other)
}

/// Returns the last lines of the log, oldest first, and no more than its last 4 MiB have.
///
/// # Errors
/// A file of it can't be read.
pub fn last_lines(state: &Path, count: u32) -> std::io::Result<Vec<String>> {
    let count = count as usize;
    let mut lines: Vec<String> = Vec::new();
    let mut room = MOST;
    for file in files(state).into_iter().rev() {
        let mut file = std::fs::File::open(file)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(room);
        room -= length - from;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(length - from).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // The first line of a file that is not read from its beginning is the end of one.
        let mut older: Vec<_> = text.lines().skip(usize::from(from > 0)).map(str::to_owned).collect();
        older.append(&mut lines);
        lines = older;
        if lines.len() >= count || room == 0 {
            break;
        }
    }
    lines.drain(..lines.len().saturating_sub(count));
    Ok(lines)
}

/// The log's files, oldest first.
fn files(state: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(state) else { return Vec::new() };
    let is_log = |name: &str| {
        name.strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX))
            .is_some_and(|date| date.starts_with('.'))
    };
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| is_log(&name.to_string_lossy())))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_come_from_as_many_files_as_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("agent.2026-01-01.log", "a\nb\n"),
            ("agent.2026-01-02.log", "c\nd\n"),
            ("agent.sock", "x\n"),
            ("other.log", "x\n"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        for (count, lines) in [(0, ""), (1, "d"), (2, "c d"), (3, "b c d"), (9, "a b c d")] {
            assert_eq!(last_lines(folder.path(), count).unwrap().join(" "), lines);
        }
    }

    #[test]
    fn a_large_log_is_read_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{}\n", "x".repeat(1023));
        std::fs::write(folder.path().join("agent.2026-01-01.log"), "old\n").unwrap();
        std::fs::write(folder.path().join("agent.2026-01-02.log"), line.repeat(5000) + "last\n").unwrap();
        let lines = last_lines(folder.path(), u32::MAX).unwrap();
        assert_eq!(lines.last().unwrap(), "last");
        assert!((4090..4097).contains(&lines.len()), "{}", lines.len());
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() == 1023));
    }
}
