//! Plays a story: a scripted server, runs of the program one after the other, and what must be true after each.
//!
//! Beside what a story expects, this always holds: every finished file is exactly one version that was served. A story
//! in which nothing could prove that says so with `may_mix`, and then the program must have said so too.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Table;

use super::byte_size::ByteSize;
use super::content::{Held, Version, first_difference};
use super::machine::{Machine, Outcome};
use super::site::{DEADLINE, Seen, Site};
use super::tls::Identity;

/// What may be missing on disk of what was sent before a kill: the program may still hold one read and one write.
const IN_HAND: u64 = 1 << 20;

/// A story, as its file tells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// What happens and what must come of it, in a sentence.
    #[serde(rename = "story")]
    told: String,
    /// Whether the server answers https too.
    #[serde(default)]
    https: bool,
    /// The file that kills and refetched bytes are about.
    #[serde(default = "file_bin")]
    file: String,
    /// What is served, by name.
    serve: BTreeMap<String, Table>,
    step: Vec<Step>,
}

fn file_bin() -> String {
    "file.bin".into()
}

/// First what happens before the run, then the run, then what must be true after it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    /// What changes on the server.
    change: BTreeMap<String, Table>,
    /// Whether signed links given so far expire.
    expire_links: bool,
    /// Files written into the download folder.
    write: BTreeMap<String, String>,
    /// Files whose first 64 KiB become zeros, as after a power cut.
    spoil: Vec<String>,
    /// Files cut to their first half.
    halve: Vec<String>,
    /// Files removed.
    delete: Vec<String>,
    /// The program's arguments; `{site}` and so on are filled in.
    run: String,
    /// How long a connection may be silent, in milliseconds.
    stall_ms: Option<u64>,
    /// The program is killed once so many bytes were sent.
    kill_at: Option<ByteSize>,
    /// Ctrl-C is pressed once so many bytes were sent.
    interrupt_at: Option<ByteSize>,

    /// The exit status.
    exit: Option<i32>,
    /// All that is in the download folder: `now` (what the server has), `version N`, `one version` (any that is served, unmixed), `text ...`, or `any`.
    folder: Option<BTreeMap<String, String>>,
    /// What stderr says, in any case of letters.
    says: Vec<String>,
    /// What stderr doesn't say.
    never_says: Vec<String>,
    /// Finished files in the order in which stdout names them.
    prints: Option<Vec<String>>,
    /// How many requests came.
    requests: Option<usize>,
    /// How many came at most.
    requests_at_most: Option<usize>,
    /// The ranges that were asked for, in order; `-` is a request without one.
    asks: Option<Vec<String>>,
    /// How many bytes came again at most that were on disk before this run.
    refetches_at_most: Option<ByteSize>,
    /// How much time lay between the first and the last request at least, in milliseconds.
    waits_ms: Option<u64>,
    /// Fields that every request has, and their values.
    sends: BTreeMap<String, String>,
    /// Fields that no request to `{other}` has.
    hides: Vec<String>,
    /// Whether nothing proves that the file is one version: the program then has to say so.
    may_mix: bool,
}

/// Plays the story in a file.
pub(crate) fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let story: Story = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let identity = story.https.then(Identity::new);
    let stage =
        Play { site: Site::start(identity.as_ref()), machine: Machine::new(), file: story.file.clone() };
    let authority = identity.map(|identity| stage.machine.put("authority.pem", &identity.authority_pem));
    for (name, script) in story.serve {
        stage.site.serve(&name, script);
    }
    for (number, mut step) in story.step.into_iter().enumerate() {
        if let Some(authority) = &authority {
            step.run = step.run.replace("{ca}", &authority.display().to_string());
        }
        stage.step(&step, &format!("{}\nstep {} of {}", story.told, number + 1, path.display()));
    }
}

struct Play {
    site: Site,
    machine: Machine,
    file: String,
}

impl Play {
    fn step(&self, step: &Step, told: &str) {
        self.prepare(step);
        let before = self.held();
        let (outcome, stopped) = self.run(step);
        let log = self.site.log();
        let outcome_told = format!("{told}: haul {}\n{}\n{}", step.run, outcome.told(), in_short(&log));
        Check { play: self, step, outcome: &outcome, log: &log, told: &outcome_told }.all(&before, stopped);
    }

    fn prepare(&self, step: &Step) {
        for (name, change) in &step.change {
            self.site.change(name, change.clone());
        }
        if step.expire_links {
            self.site.expire_links();
        }
        for (name, text) in &step.write {
            std::fs::write(self.machine.file(name), text).unwrap();
        }
        for name in &step.spoil {
            self.edit(name, |bytes| bytes.iter_mut().take(64 * 1024).for_each(|byte| *byte = 0));
        }
        for name in &step.halve {
            self.edit(name, |bytes| bytes.truncate(bytes.len() / 2));
        }
        for name in &step.delete {
            std::fs::remove_file(self.machine.file(name)).unwrap();
        }
        self.site.forget();
    }

    /// Changes a file in place: it stays the same inode.
    fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.machine.file(name);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }

    /// Runs the program as the step says; whether it was stopped on the way.
    fn run(&self, step: &Step) -> (Outcome, bool) {
        let words: Vec<_> = step.run.split_whitespace().map(|word| self.site.fill(word)).collect();
        let stall = step.stall_ms.map_or(2 * DEADLINE, Duration::from_millis);
        let Some(stop_at) = step.kill_at.or(step.interrupt_at) else {
            return (self.machine.spawn_with(&words, stall).wait(), false);
        };
        self.site.hold_after(stop_at.0);
        let mut running = self.machine.spawn_with(&words, stall);
        let is_held = self.site.wait_until_held(|| running.is_over());
        assert!(is_held, "the program never took {} bytes:\n{}", stop_at.0, running.kill().told());
        if let Some(content) = self.site.content(&self.file) {
            let wanted = stop_at.0.saturating_sub(IN_HAND);
            running.wait_for_bytes(&self.part(), &content, wanted);
        }
        let outcome = if step.kill_at.is_some() { running.kill() } else { running.interrupt() };
        self.site.release();
        (outcome, true)
    }

    fn part(&self) -> std::path::PathBuf {
        self.machine.file(&format!("{}.part", self.file))
    }

    /// What of the file is on disk, unfinished.
    fn held(&self) -> Held {
        self.site.content(&self.file).map_or_else(Held::default, |content| Held::of(&self.part(), &content))
    }
}

/// What is checked after a step.
struct Check<'a> {
    play: &'a Play,
    step: &'a Step,
    outcome: &'a Outcome,
    log: &'a [Seen],
    told: &'a str,
}

impl Check<'_> {
    fn all(&self, before: &Held, stopped: bool) {
        let (step, told) = (self.step, self.told);
        if let Some(exit) = step.exit {
            assert_eq!(self.outcome.status.code(), Some(exit), "the exit status; {told}");
        } else {
            assert!(stopped && step.kill_at.is_some(), "a step without `exit`: {told}");
        }
        let said = self.outcome.stderr.to_lowercase();
        for text in &step.says {
            assert!(said.contains(&text.to_lowercase()), "stderr doesn't say {text:?}; {told}");
        }
        for text in &step.never_says {
            assert!(!said.contains(&text.to_lowercase()), "stderr says {text:?}; {told}");
        }
        self.files(&said);
        self.requests();
        if let Some(most) = step.refetches_at_most {
            let again: u64 = self.log.iter().map(|seen| before.overlap(seen.first, seen.sent)).sum();
            assert!(again <= most.0, "{again} of {} bytes on disk came again; {told}", before.len());
        }
    }

    fn files(&self, said: &str) {
        let (step, told) = (self.step, self.told);
        let names = self.play.machine.names();
        if let Some(folder) = &step.folder {
            let expected: Vec<_> = folder.keys().cloned().collect();
            assert_eq!(names, expected, "the download folder; {told}");
            for (name, what) in folder {
                self.file(name, what);
            }
        }
        for name in names.iter().filter(|name| !is_partial(name)) {
            let held = std::fs::read(self.play.machine.file(name)).unwrap();
            let versions = self.play.site.versions(name);
            let is_now = self.play.site.content(name).is_some_and(|content| content[..] == held[..]);
            let is_one = is_now
                || versions.is_empty()
                || versions.iter().any(|version| version.bytes()[..] == held[..]);
            let was_there = step.folder.as_ref().and_then(|folder| folder.get(name));
            if is_one || was_there.is_some_and(|what| what.starts_with("text ")) {
                continue;
            }
            assert!(step.may_mix, "{name} is no version that was ever served; {told}");
            assert!(said.contains("joined on samples"), "{name} is mixed and nothing was said; {told}");
        }
        if let Some(prints) = &step.prints {
            let paths = prints.iter().map(|name| format!("{}\n", self.play.machine.file(name).display()));
            let stdout = String::from_utf8_lossy(&self.outcome.stdout);
            assert_eq!(stdout, paths.collect::<String>(), "stdout; {told}");
        }
    }

    fn file(&self, name: &str, what: &str) {
        let held = std::fs::read(self.play.machine.file(name)).unwrap();
        if what == "one version" {
            let is_whole = |version: &Version| first_difference(&held, &version.bytes()).is_none();
            assert!(self.play.site.versions(name).iter().any(is_whole), "{name} is a mixture; {}", self.told);
            return;
        }
        let expected = match what.split_once(' ') {
            Some(("text", text)) => text.as_bytes().into(),
            Some(("version", seed)) => {
                let served = self.play.site.versions(name);
                let seed: u64 = seed.parse().expect("a version's number");
                let one = served.into_iter().find(|version| version.seed == seed && version.flip.is_empty());
                one.as_ref().map(Version::bytes).expect("a version that is served")
            }
            _ if what == "now" => self.play.site.content(name).expect("a served file's name"),
            _ if what == "any" => return,
            _ => panic!("{what:?} is nothing that a file can be"),
        };
        let difference = first_difference(&held, &expected);
        assert_eq!(difference, None, "{name} is not {what}; {}", self.told);
    }

    fn requests(&self) {
        let (step, told, log) = (self.step, self.told, self.log);
        if let Some(count) = step.requests {
            assert_eq!(log.len(), count, "requests; {told}");
        }
        if let Some(most) = step.requests_at_most {
            assert!(log.len() <= most, "requests; {told}");
        }
        if let Some(asks) = &step.asks {
            let asked = log.iter().map(|seen| seen.request.header("range").unwrap_or("-").to_owned());
            assert_eq!(&asked.collect::<Vec<_>>(), asks, "ranges; {told}");
        }
        for seen in log {
            // Whatever else a server can be asked may be refused, hang or lie.
            assert_eq!(seen.request.method, "GET", "the method; {told}");
            for (name, value) in &step.sends {
                assert_eq!(seen.request.header(name), Some(value.as_str()), "{name}; {told}");
            }
            let is_other = seen.request.header("host").is_some_and(|host| host.starts_with("localhost"));
            for name in step.hides.iter().filter(|_| is_other) {
                assert_eq!(seen.request.header(name), None, "{name} was sent to another origin; {told}");
            }
        }
        if let Some(wait) = step.waits_ms {
            let times: Vec<_> = log.iter().map(|seen| seen.at).collect();
            let waited = times.iter().max().zip(times.iter().min()).map(|(last, first)| *last - *first);
            assert!(waited >= Some(Duration::from_millis(wait)), "waited {waited:?}; {told}");
        }
    }
}

fn is_partial(name: &str) -> bool {
    name.split('.').any(|word| word == "part")
}

/// The requests, one a line.
fn in_short(log: &[Seen]) -> String {
    let lines = log.iter().map(|seen| {
        let range = seen.request.header("range").unwrap_or("-");
        format!("  {} {range}: {} bytes sent\n", seen.name, seen.sent)
    });
    lines.collect()
}
