//! `haul --host BOX pull ID`: brings a finished file home over the connection, goes on where it was cut off, and keeps it only
//! where every byte is the same.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use data_encoding::HEXLOWER;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use sha2::{Digest as _, Sha256};

use super::context::Context;
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use crate::client::{Client, MAX_PIECE, Sum};
use crate::model::id::DownloadId;
use crate::model::printable::printable;

/// Pieces that are asked for at once, so that a long way costs no time.
const AT_ONCE: usize = 8;
/// How a file is called until it is whole.
const PART: &str = ".pull";

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
    let mut part = Part::open(&target)?;
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
            part.file.sync_data().map_err(|source| part.failed("syncing", source))?;
            output.say("haul: stopped; the same command goes on.");
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

async fn fetch<F: Files>(id: DownloadId, files: &F, part: &mut Part, size: u64) -> Result<(), CliError> {
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

/// The file while it is not whole.
struct Part {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Part {
    fn open(target: &Path) -> Result<Self, CliError> {
        if target.symlink_metadata().is_ok() {
            return Err(CliError::usage(
                format!("{} is there already", target.display()),
                "Name another folder with -d, or move it away",
            ));
        }
        let mut path = target.as_os_str().to_owned();
        path.push(PART);
        let path = PathBuf::from(path);
        let handing =
            |what: &str, source| CliError::Handing { what: format!("{what} {}", path.display()), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(|source| handing("opening", source))?;
        // Two that bring the same file home must not write into each other.
        file.try_lock().map_err(|error| handing("locking", error.into()))?;
        let length = file.seek(SeekFrom::End(0)).map_err(|source| handing("reading", source))?;
        Ok(Self { file, path, length })
    }

    fn failed(&self, what: &str, source: std::io::Error) -> CliError {
        CliError::Handing { what: format!("{what} {}", self.path.display()), source }
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), CliError> {
        self.file.write_all(piece).map_err(|source| self.failed("writing", source))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> Result<(), CliError> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map_err(|source| self.failed("cutting", source))?;
        self.length = length;
        Ok(())
    }

    fn sum_of(&mut self, length: u64) -> Result<String, CliError> {
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; 256 << 10];
        let mut sum = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            let mut rest = (&self.file).take(length);
            loop {
                let count = rest.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                hasher.update(&chunk[..count]);
            }
            self.file.seek(SeekFrom::End(0)).map(drop)
        };
        sum().map_err(|source| self.failed("reading", source))?;
        Ok(HEXLOWER.encode(&hasher.finalize()))
    }

    /// Gives it its name, without replacing anything.
    fn publish(self, target: &Path, modified_ms: i64, umask: u32) -> Result<(), CliError> {
        use std::os::unix::fs::PermissionsExt as _;
        let publish = || -> std::io::Result<()> {
            self.file.set_permissions(std::fs::Permissions::from_mode(0o666 & !umask))?;
            if let Ok(modified) = u64::try_from(modified_ms) {
                self.file.set_modified(UNIX_EPOCH + Duration::from_millis(modified))?;
            }
            self.file.sync_all()?;
            let (from, to) = (self.path.as_path(), target);
            let renamed = rustix::fs::renameat_with(
                rustix::fs::CWD,
                from,
                rustix::fs::CWD,
                to,
                rustix::fs::RenameFlags::NOREPLACE,
            );
            match renamed {
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                    std::fs::hard_link(from, to)?;
                    std::fs::remove_file(from)?;
                }
                other => other?,
            }
            let folder = to.parent().unwrap_or(Path::new("/"));
            File::open(folder)?.sync_all()
        };
        publish().map_err(|source| self.failed("giving its name to", source))
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
}
