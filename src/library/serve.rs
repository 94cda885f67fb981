//! The process that reads tags, and the one that writes them: asked on stdin, answers on stdout, ends with its stdin. It caps itself
//! before it reads anything.

use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;

use data_encoding::BASE64;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::cover::small;
use super::wire::{Answer, Ask};
use super::{read, write};

/// Address space, in bytes: what takes more ends the process, not the machine.
const MOST_MEMORY: u64 = 512 << 20;
/// Largest file that is written.
const MOST_WRITTEN: u64 = 64 << 30;
/// Seconds of processor time for one file.
const MOST_SECONDS: u64 = 10;
/// Bytes of a file that is written for which there is a second more: all of it may have to be moved.
const WRITTEN_IN_A_SECOND: u64 = 100 << 20;
/// Longest question.
pub(super) const MOST_LINE: u64 = 256 << 10;

/// Answers questions until there are no more; only where `writes` it may change a file. To be called in a process that does nothing
/// else.
///
/// # Errors
/// Nobody asks or listens any more.
pub fn serve(writes: bool) -> io::Result<()> {
    cap(Resource::As, MOST_MEMORY)?;
    // Who reads has nothing to write; and the end of either leaves nothing behind.
    cap(Resource::Fsize, if writes { MOST_WRITTEN } else { 0 })?;
    cap(Resource::Core, 0)?;
    let (mut asked, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    loop {
        line.clear();
        if asked.by_ref().take(MOST_LINE).read_line(&mut line)? == 0 {
            return Ok(());
        }
        // The rest of a question that is too long would be taken for another one, and each answer for that of the next.
        if !line.ends_with('\n') {
            return Err(io::Error::other("that is no question"));
        }
        let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
        let hard = getrlimit(Resource::Cpu).maximum;
        let wanted = used + MOST_SECONDS + if writes { size_of(&line) / WRITTEN_IN_A_SECOND } else { 0 };
        let most = hard.map_or(wanted, |hard| hard.min(wanted));
        setrlimit(Resource::Cpu, Rlimit { current: Some(most), maximum: hard })?;
        let answer = answer(&line, writes);
        serde_json::to_writer(&mut answers, &answer)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
}

/// Caps for good, where the system doesn't cap harder already.
fn cap(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

fn asked_for(line: &str) -> Option<(Ask, PathBuf)> {
    let ask = serde_json::from_str::<Ask>(line).ok()?;
    let path = ask.path()?;
    Some((ask, path))
}

/// Bytes of the file that is asked for.
fn size_of(line: &str) -> u64 {
    asked_for(line).and_then(|(_, path)| path.metadata().ok()).map_or(0, |facts| facts.len())
}

fn answer(line: &str, writes: bool) -> Answer {
    let Some((ask, path)) = asked_for(line) else {
        return Answer::Failed("that is no question".into());
    };
    if let Some(set) = ask.set.as_ref().filter(|_| writes) {
        return write::write(&path, set).map_or_else(Answer::Failed, |()| Answer::Written);
    }
    let answered = match ask.cover {
        None => read::read(&path, ask.media_type.as_deref()).map(|facts| Answer::Facts(Box::new(facts))),
        Some(side) => read::cover(&path).map(|found| match found.map(|bytes| small(&bytes, side)) {
            None => Answer::Cover(None),
            Some(Ok(bytes)) => Answer::Cover(Some(BASE64.encode(&bytes))),
            Some(Err(text)) => Answer::Failed(text),
        }),
    };
    answered.unwrap_or_else(|error| Answer::Failed(error.to_string()))
}
