//! Files that lie, before the real process that reads tags: whatever they claim, it answers, lives on and stays small.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

/// What a reader may hold at most, in KiB: the most that it reads of one file, what comes of that, and itself.
const MOST_HELD: u64 = 256 << 10;
/// Lengths of each format that lie in turn; each costs the reading of as much as is ever read of a file.
const MOST_LIES: usize = 3;

/// The process.
struct Reader {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_haul"))
            .arg("__tags")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a reader of tags says when it panics is caught, and no matter of this test.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, asks, answers: BufReader::new(answers) }
    }

    /// Asks for what is in a file.
    fn read(&mut self, path: &Path, told: &str) -> Value {
        let ask = json!({ "path": HEXLOWER.encode(path.as_os_str().as_bytes()) });
        writeln!(self.asks, "{ask}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("it died over {told}"))
    }

    /// The most that it ever held, in KiB.
    fn most_held(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a file seems to have lengths, and a gigabyte in the same way of writing them.
fn lies(whole: &[u8]) -> Vec<(usize, [u8; 4])> {
    let near = whole.get(..2000.min(whole.len())).unwrap();
    let fours = near.windows(4).enumerate();
    let lie = |(at, four): (usize, &[u8])| {
        let four: [u8; 4] = four.try_into().unwrap();
        let is_length = |number: u32| (8..=whole.len()).contains(&(number as usize));
        match () {
            () if at == 6 && whole.starts_with(b"ID3") => Some((at, [0x04, 0, 0, 0])),
            () if is_length(u32::from_be_bytes(four)) => Some((at, [0x40, 0, 0, 0])),
            () if is_length(u32::from_le_bytes(four)) => Some((at, [0, 0, 0, 0x40])),
            () => None,
        }
    };
    fours.filter_map(lie).collect()
}

#[test]
fn a_gigabyte_that_is_claimed_anywhere_in_any_format_is_not_taken() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media");
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::start();
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let whole = std::fs::read(&path).unwrap();
        let copy = folder.path().join(&name);
        std::fs::write(&copy, &whole).unwrap();
        let file = File::options().write(true).open(&copy).unwrap();
        // As much is there as is claimed, so that no reader sees through it at once.
        file.set_len(3 << 29).unwrap();
        let lies = lies(&whole);
        let step = lies.len().div_ceil(MOST_LIES).max(1);
        for (at, claim) in lies.into_iter().step_by(step) {
            file.write_all_at(&claim, at as u64).unwrap();
            let answer = reader.read(&copy, &format!("{name} with {claim:?} at {at}"));
            assert!(answer.is_object(), "{answer}");
            file.write_all_at(&whole[at..at + 4], at as u64).unwrap();
        }
        let held = reader.most_held();
        assert!(held < MOST_HELD, "{name}: {held} KiB");
    }
}

/// A box of an MP4 file, or a chunk like it.
fn nested(name: [u8; 4], depth: usize) -> Vec<u8> {
    let all = u32::try_from(depth * 8).unwrap();
    (0..depth).flat_map(|at| [(all - u32::try_from(at * 8).unwrap()).to_be_bytes(), name].concat()).collect()
}

#[test]
fn depth_is_no_danger_to_it() {
    const DEPTH: usize = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::start();
    let start = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    for name in [b"moov", b"trak", b"udta", b"meta", b"ilst", b"Xtra", b"----"] {
        let path = folder.path().join("deep.mp4");
        let moov = nested(*name, DEPTH);
        let outer = u32::try_from(moov.len() + 8).unwrap().to_be_bytes();
        std::fs::write(&path, [&start[..], &outer, b"moov", &moov].concat()).unwrap();
        reader.read(&path, &format!("{DEPTH} boxes {:?}", String::from_utf8_lossy(name)));
    }
    // Matroska: sizes that are not known, so that each element holds all that follow.
    let head = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska".to_vec();
    for id in [&b"\x18\x53\x80\x67"[..], b"\x12\x54\xc3\x67", b"\x73\x73", b"\x67\xc8", b"\xb6"] {
        let path = folder.path().join("deep.mkv");
        let element = [id, b"\x01\xff\xff\xff\xff\xff\xff\xff"].concat();
        let segment = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
        std::fs::write(&path, [&head[..], segment, &element.repeat(DEPTH)].concat()).unwrap();
        reader.read(&path, &format!("{DEPTH} elements {id:?}"));
    }
    // Frames of chapters within frames of chapters, as ID3v2 has them.
    let path = folder.path().join("deep.mp3");
    let mut tag = Vec::new();
    for _ in 0..2000 {
        let size = u32::try_from(tag.len() + 18).unwrap();
        let digits = [21, 14, 7, 0].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap());
        tag = [&b"CHAP"[..], &digits, b"\0\0", b"a\0", &[0; 16], &tag].concat();
    }
    let size = u32::try_from(tag.len()).unwrap();
    let digits = [21, 14, 7, 0].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap());
    std::fs::write(&path, [&b"ID3\x04\0\0"[..], &digits, &tag].concat()).unwrap();
    reader.read(&path, "chapters in chapters");
    let held = reader.most_held();
    assert!(held < MOST_HELD, "{held} KiB");
}
