//! A disk whose power can be cut: an ext4 file system in a file, whose unsynced writes are lost at once and for good.
//!
//! The kernel's own "shut down without flushing" stops the file system in the middle of whatever it does; the next mount
//! replays its journal, as after a real power cut. That needs root and loop devices.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::ioctl::{Setter, ioctl, opcode};
use tempfile::TempDir;

use super::site::DEADLINE;

/// Bytes of the disk.
const SIZE: u64 = 128 << 20;
/// The request that stops a file system (ext4, XFS and F2FS know it), and "without flushing anything".
const SHUT_DOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
const NO_FLUSH: u32 = 2;
/// How often a disk that is in use is tried to be unmounted.
const LOOK: Duration = Duration::from_millis(20);

/// The disk; unmounted and gone when it is dropped.
pub(crate) struct Disk {
    folder: TempDir,
}

/// A small disk in memory, for filling it; gone when it is dropped.
pub(crate) struct SmallDisk {
    folder: TempDir,
}

/// Makes a small disk, or says why there is none.
pub(crate) fn require_small(mebibytes: u64) -> Option<SmallDisk> {
    if !rustix::process::geteuid().is_root() {
        skip("root");
        return None;
    }
    let disk = SmallDisk { folder: tempfile::tempdir().unwrap() };
    let options = format!("size={mebibytes}m");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "haul-test"]).arg(disk.folder()));
    Some(disk)
}

impl SmallDisk {
    /// Returns where it is mounted.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room on it.
    pub(crate) fn fill(&self) {
        let mut size = 16 << 20;
        while size >= 4096 {
            let mut file = File::options().append(true).create(true).open(self.filler()).unwrap();
            if file.write_all(&vec![7; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives back what [`fill`](Self::fill) took, whoever may still have the file open.
    pub(crate) fn make_room(&self) {
        File::options().write(true).truncate(true).open(self.filler()).unwrap();
        std::fs::remove_file(self.filler()).unwrap();
        let facts = rustix::fs::statvfs(self.folder()).unwrap();
        assert!(facts.f_bavail > facts.f_blocks / 4, "{} of {} free", facts.f_bavail, facts.f_blocks);
    }

    fn filler(&self) -> PathBuf {
        self.folder().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder()).stderr(Stdio::null()).status();
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests wants to know what did not run")]
fn skip(lacks: &str) {
    eprintln!("skipped: needs {lacks}");
}

/// Makes a disk, or says why there is none; that is a failure where nothing may be skipped and loop devices are there.
pub(crate) fn require() -> Option<Disk> {
    let lacks = if !rustix::process::geteuid().is_root() {
        "root"
    } else if !Path::new("/dev/loop-control").exists() {
        "loop devices"
    } else {
        return Some(Disk::new());
    };
    skip(lacks);
    None
}

impl Disk {
    fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let image = disk.image();
        File::create(&image).unwrap().set_len(SIZE).unwrap();
        std::fs::create_dir(disk.mount_point()).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-E", "lazy_itable_init=0,nodiscard"]).arg(&image));
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Returns where it is mounted.
    pub(crate) fn mount_point(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Makes all that is there now safe: what a test prepares is not what it cuts.
    pub(crate) fn settle(&self) {
        rustix::fs::syncfs(File::open(self.mount_point()).unwrap()).unwrap();
    }

    /// Cuts the power and starts again: what was not synced is gone. Nothing may have a file open there.
    pub(crate) fn cut(&self) {
        {
            let root = File::open(self.mount_point()).unwrap();
            #[expect(
                unsafe_code,
                reason = "the request takes one u32 by pointer, which is what Setter passes"
            )]
            // SAFETY: `SHUT_DOWN` reads one u32 and writes nothing.
            unsafe { ioctl(&root, Setter::<SHUT_DOWN, u32>::new(NO_FLUSH)) }.unwrap();
        }
        self.unmount();
        // Whoever made a mount namespace meanwhile took the disk along, and there it is still mounted, and stopped: what is mounted
        // again is a copy.
        let copy = self.folder.path().join("copy");
        run(Command::new("cp").arg("--sparse=always").args([&self.image(), &copy]));
        std::fs::rename(copy, self.image()).unwrap();
        self.mount();
    }

    /// Unmounts it. A program that another test is about to start holds what is open here, until it is another program.
    fn unmount(&self) {
        let end = Instant::now() + DEADLINE;
        loop {
            let output = Command::new("umount").arg(self.mount_point()).output().unwrap();
            if output.status.success() {
                return;
            }
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("busy") && Instant::now() < end, "{told}");
            thread::sleep(LOOK);
        }
    }

    fn mount(&self) {
        // The journal commits by itself only every five minutes: what a test finds was synced by the program.
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(self.image()).arg(self.mount_point()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.mount_point()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
