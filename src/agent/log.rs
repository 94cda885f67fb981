//! The agent's log: a file a day in the state folder, the oldest of them deleted.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

/// How the log's files are called: this, the date, and `log`.
const PREFIX: &str = "agent";
/// The end of their names.
const SUFFIX: &str = "log";

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

/// Returns the last lines of the log, oldest first.
///
/// # Errors
/// A file of it can't be read.
pub fn last_lines(state: &Path, count: u32) -> std::io::Result<Vec<String>> {
    let count = count as usize;
    let mut lines: Vec<String> = Vec::new();
    for file in files(state).into_iter().rev() {
        let mut older = Vec::new();
        for line in BufReader::new(std::fs::File::open(file)?).split(b'\n') {
            older.push(String::from_utf8_lossy(&line?).into_owned());
        }
        older.append(&mut lines);
        lines = older;
        if lines.len() >= count {
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
}
