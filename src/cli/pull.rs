//! `haul --host BOX pull ID`: brings a finished file home over the connection, goes on where it was cut off, and keeps it only
//! where every byte is the same.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::context::Context;
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::partial::Partial;
use super::status::Status;
use crate::client::{Client, MAX_PIECE, Sum};
use crate::model::id::DownloadId;
use crate::model::printable::printable;

/// Pieces that are asked for at once, so that a long way costs no time.
const AT_ONCE: usize = 8;

/// `pull`.
#[derive(Clone, Debug, Args)]
pub struct PullArgs {
    /// The finished download, by number
    #[arg(value_name = "ID", value_parser = number)]
    pub(crate) id: DownloadId,
    /// The folder
    #[arg(short = 'd', long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Tell errors only
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
}

/// Whatever finished files can be read from.
pub(crate) trait Files {
    /// What a file is, and the sum of its first bytes; of all of them where it is not said.
    async fn sum(&self, id: DownloadId, length: Option<u64>) -> Result<Sum, CliError>;
    /// A piece of it.
    async fn read(&self, id: DownloadId, offset: u64, length: u32) -> Result<Vec<u8>, CliError>;
}

impl Files for Client {
    async fn sum(&self, id: DownloadId, length: Option<u64>) -> Result<Sum, CliError> {
        Ok(Self::sum(self, id, length).await?)
    }

    async fn read(&self, id: DownloadId, offset: u64, length: u32) -> Result<Vec<u8>, CliError> {
        Ok(Self::read(self, id, offset, length).await?)
    }
}

/// Brings it home; its path goes to stdout.
///
/// # Errors
/// It isn't finished, this machine can't write it, its name is taken, or it isn't the same after all.
pub(crate) async fn pull<F: Files>(
    args: &PullArgs,
    files: &F,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    output.quiet |= args.quiet;
    let folder = context.cwd.join(args.dir.as_deref().unwrap_or(Path::new("")));
    let facts = interrupts.unless(files.sum(args.id, Some(0))).await?;
    let target = folder.join(safe_name(&facts.name)?);
    let mut part = Partial::open(&target)?;
    // What is there of an earlier try counts only where the other side has the same bytes.
    let begun = part.length.min(facts.size);
    if begun > 0 {
        let theirs = interrupts.unless(files.sum(args.id, Some(begun))).await?;
        if theirs.sha256 != part.sum_of(begun)? {
            part.cut(0)?;
        } else if begun < part.length {
            part.cut(begun)?;
        }
    }
    let from = part.length;
    if from > 0 {
        output.say(&format!("haul: goes on after {}.", crate::model::units::ByteCount(from)));
    }
    match interrupts.unless(fetch(args.id, files, &mut part, facts.size)).await {
        Err(CliError::Interrupted) => {
            part.sync()?;
            let then = if part.is_kept() { "goes on" } else { "begins anew" };
            output.say(&format!("haul: stopped; the same command {then}."));
            return Ok(Status::Interrupted);
        }
        fetched => fetched?,
    }
    let theirs = interrupts.unless(files.sum(args.id, None)).await?;
    let ours = part.sum_of(part.length)?;
    if theirs.sha256 != ours || theirs.size != part.length {
        part.cut(0)?;
        return Err(CliError::usage(
            format!("{} changed while it was brought home: {ours} here, {} there", facts.name, theirs.sha256),
            "Try again",
        ));
    }
    part.publish(&target, theirs.modified_ms, context.umask)?;
    if !output.quiet {
        let path = target.display().to_string();
        output.line(&if output.stdout.terminal { printable(&path).into_owned() } else { path })?;
    }
    Ok(Status::Done)
}

async fn fetch<F: Files>(id: DownloadId, files: &F, part: &mut Partial, size: u64) -> Result<(), CliError> {
    let mut coming = FuturesOrdered::new();
    let mut next = part.length;
    loop {
        while coming.len() < AT_ONCE && next < size {
            let length = u32::try_from(size - next).unwrap_or(MAX_PIECE).min(MAX_PIECE);
            coming.push_back(files.read(id, next, length));
            next += u64::from(length);
        }
        let Some(piece) = coming.next().await else { return Ok(()) };
        let piece = piece?;
        if piece.is_empty() {
            return Err(CliError::usage("the file there is shorter than it was", "Try again"));
        }
        part.append(&piece)?;
    }
}

/// A name that stays in its folder, whatever the other side says.
fn safe_name(name: &str) -> Result<String, CliError> {
    let safe = printable(name).replace('/', "_");
    if matches!(safe.as_str(), "" | "." | "..") {
        return Err(CliError::usage("the file there has no name", "Look at it with `haul show`"));
    }
    Ok(safe)
}

fn number(text: &str) -> Result<DownloadId, String> {
    text.trim_start_matches('#')
        .parse()
        .map(DownloadId)
        .map_err(|_| format!("`{text}` is no download's number; see `haul list`"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, UNIX_EPOCH};

    use data_encoding::HEXLOWER;
    use sha2::{Digest as _, Sha256};

    use super::super::scripted::{context, output, presses};
    use super::*;

    /// A file on the other side, whose connection is lost after so many pieces.
    struct There {
        bytes: RefCell<Vec<u8>>,
        pieces: RefCell<usize>,
        asked: RefCell<u64>,
    }

    impl There {
        fn new(bytes: &[u8], pieces: usize) -> Self {
            Self { bytes: RefCell::new(bytes.into()), pieces: RefCell::new(pieces), asked: RefCell::new(0) }
        }
    }

    impl Files for There {
        async fn sum(&self, _id: DownloadId, length: Option<u64>) -> Result<Sum, CliError> {
            let bytes = self.bytes.borrow();
            let summed =
                length.map_or(bytes.len(), |length| usize::try_from(length).unwrap().min(bytes.len()));
            Ok(Sum {
                name: "../a\u{202e}b.bin".into(),
                size: bytes.len() as u64,
                modified_ms: 1_000_000_000_000,
                summed: summed as u64,
                sha256: HEXLOWER.encode(&Sha256::digest(&bytes[..summed])),
            })
        }

        async fn read(&self, _id: DownloadId, offset: u64, length: u32) -> Result<Vec<u8>, CliError> {
            let left = self.pieces.borrow().checked_sub(1);
            let Some(left) = left else {
                return Err(CliError::Unreachable { why: "the connection was lost".into() });
            };
            *self.pieces.borrow_mut() = left;
            *self.asked.borrow_mut() += u64::from(length);
            let offset = usize::try_from(offset).unwrap();
            Ok(self.bytes.borrow()[offset..offset + length as usize].to_vec())
        }
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
    }

    async fn pulled(there: &There, folder: &Path) -> Result<u8, u8> {
        let args = PullArgs { id: DownloadId(1), dir: None, quiet: false };
        let (mut output, ..) = output();
        let (mut interrupts, _press) = presses(0);
        let ended = pull(&args, there, &context(folder), &mut output, &mut interrupts).await;
        ended.map(Status::code).map_err(|error| error.status().code())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_cut_off_goes_on_and_every_byte_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let piece = MAX_PIECE as usize;
        let bytes = content(5 * piece + 100);
        assert_eq!(pulled(&There::new(&bytes, 3), folder.path()).await, Err(3));
        let there = There::new(&bytes, 100);
        assert_eq!(pulled(&there, folder.path()).await, Ok(0));
        assert_eq!(*there.asked.borrow(), (2 * piece + 100) as u64, "what is here is not asked for again");
        let path = folder.path().join(".._ab.bin");
        assert!(std::fs::read(&path).unwrap() == bytes);
        let facts = std::fs::metadata(&path).unwrap();
        assert_eq!(facts.permissions().mode() & 0o777, 0o644);
        assert_eq!(facts.modified().unwrap(), UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(pulled(&there, folder.path()).await, Err(2), "nothing is replaced");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn bytes_of_another_file_are_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let piece = MAX_PIECE as usize;
        assert_eq!(pulled(&There::new(&content(5 * piece), 3), folder.path()).await, Err(3));
        let mut other = content(5 * piece);
        other[17] ^= 1;
        assert_eq!(pulled(&There::new(&other, 100), folder.path()).await, Ok(0));
        assert!(std::fs::read(folder.path().join(".._ab.bin")).unwrap() == other);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_empty_file_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(pulled(&There::new(&[], 0), folder.path()).await, Ok(0));
        assert_eq!(std::fs::read(folder.path().join(".._ab.bin")).unwrap(), b"");
    }
    #[tokio::test(flavor = "current_thread")]
    async fn a_file_that_pull_did_not_begin_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".._ab.bin.pull");
        for precious in ["precious", ""] {
            std::fs::write(&path, precious).unwrap();
            assert_eq!(pulled(&There::new(&content(100), 100), folder.path()).await, Err(2));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), precious);
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert_eq!(pulled(&There::new(&content(100), 100), folder.path()).await, Err(2));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_fails_at_once_leaves_nothing_and_a_missing_folder_is_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(pulled(&There::new(&content(100), 0), folder.path()).await, Err(3));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = folder.path().join("missing");
        assert_eq!(pulled(&There::new(&content(100), 100), &missing).await, Err(2));
    }
}
