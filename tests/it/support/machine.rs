//! A machine to itself for the program under test: its own state, home and downloads, nothing of ours in its environment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::content::Held;
use super::site::DEADLINE;

/// How often a file or a process is looked at while a test waits for it.
const LOOK: Duration = Duration::from_millis(2);
/// The first wait before a new try: the program's own is made for people.
const BACKOFF: Duration = Duration::from_millis(20);

/// The machine; its folder goes when it is dropped.
pub(crate) struct Machine {
    root: TempDir,
    /// Time between two checkpoints, where a test can't wait for the program's own.
    checkpoint: Option<Duration>,
    backoff: Duration,
    /// Whether each run has its own engine; else there is an agent, which ends with the machine.
    is_here: bool,
    /// Whether background work may run in the idle class.
    may_be_idle: bool,
    /// Variables for every run.
    variables: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How the process ended.
    pub(crate) status: ExitStatus,
    /// What it wrote to stdout.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
}

/// A run that goes on; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Machine {
    /// Makes a machine.
    pub(crate) fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap(), None)
    }

    /// Makes a machine whose disk is a folder, with checkpoints as often as that.
    pub(crate) fn within(folder: &Path, checkpoint: Duration) -> Self {
        Self::on(tempfile::tempdir_in(folder).unwrap(), Some(checkpoint))
    }

    /// Makes a machine with an agent: it is started by the first command that needs it.
    pub(crate) fn with_agent() -> Self {
        let mut machine = Self::new();
        machine.is_here = false;
        machine
    }

    /// Sets a variable for every run from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// Returns the folder that holds all others.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    fn on(root: TempDir, checkpoint: Option<Duration>) -> Self {
        for folder in ["state", "home", "config", "runtime", "downloads"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self { root, checkpoint, backoff: BACKOFF, is_here: true, may_be_idle: false, variables: Vec::new() }
    }

    /// Makes the program wait longer before it tries again by itself than any test does.
    pub(crate) fn never_tries_again_by_itself(mut self) -> Self {
        self.backoff = 1000 * DEADLINE;
        self
    }

    /// Lets background work run in the idle class: it comes only as far as the machine is idle.
    pub(crate) fn and_idle(mut self) -> Self {
        self.may_be_idle = true;
        self
    }

    /// Returns the folder that downloads go to; the program runs in it.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.path().join("downloads")
    }

    /// Returns the folder of the program's store.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// Returns the folder of the program's config file; it may not be there.
    pub(crate) fn config(&self) -> PathBuf {
        self.root.path().join("config/haul")
    }

    /// Writes the config file where the platform has it.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::create_dir_all(self.config()).unwrap();
        std::fs::write(self.config().join("config.toml"), text).unwrap();
    }

    /// Returns where a download's file will be.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.downloads().join(name)
    }

    /// Puts a file beside the downloads and returns where.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Returns the names in the download folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.downloads()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Starts the program; it never takes silence for a stall, so a test may hold its connections.
    pub(crate) fn spawn<S: AsRef<str>>(&self, args: &[S]) -> Running {
        self.spawn_with(args, 2 * DEADLINE)
    }

    /// Starts the program; a connection that is silent for `stall` counts as dead.
    pub(crate) fn spawn_with<S: AsRef<str>>(&self, args: &[S], stall: Duration) -> Running {
        self.spawn_as(Command::new(env!("CARGO_BIN_EXE_haul")), args, stall)
    }

    /// Starts the program under another one, which gets its path and arguments after its own.
    pub(crate) fn spawn_under<S: AsRef<str>>(&self, mut tracer: Command, args: &[S]) -> Running {
        tracer.arg(env!("CARGO_BIN_EXE_haul"));
        self.spawn_as(tracer, args, 2 * DEADLINE)
    }

    /// Starts a copy of the program under another one.
    pub(crate) fn spawn_other<S: AsRef<str>>(
        &self,
        mut tracer: Command,
        program: &Path,
        args: &[S],
    ) -> Running {
        tracer.arg(program);
        self.spawn_as(tracer, args, 2 * DEADLINE)
    }

    /// Runs the program to its end while another run goes on, whose words it leaves alone.
    pub(crate) fn beside<S: AsRef<str>>(&self, args: &[S]) -> Outcome {
        let command = Command::new(env!("CARGO_BIN_EXE_haul"));
        self.spawn_into("beside", command, args, 2 * DEADLINE).wait()
    }

    /// Starts the program beside others, whose words it leaves alone.
    pub(crate) fn spawn_beside<S: AsRef<str>>(&self, which: &str, args: &[S]) -> Running {
        let command = Command::new(env!("CARGO_BIN_EXE_haul"));
        self.spawn_into(which, command, args, 2 * DEADLINE)
    }

    fn spawn_as<S: AsRef<str>>(&self, command: Command, args: &[S], stall: Duration) -> Running {
        self.spawn_into("", command, args, stall)
    }

    fn spawn_into<S: AsRef<str>>(
        &self,
        which: &str,
        mut command: Command,
        args: &[S],
        stall: Duration,
    ) -> Running {
        let root = self.root.path();
        let (stdout, stderr) = (root.join(format!("stdout{which}")), root.join(format!("stderr{which}")));
        command.env_clear();
        // The flag would name a folder of this machine, where another one is asked.
        let is_elsewhere = args.iter().any(|word| word.as_ref().starts_with("--host"));
        let state = if is_elsewhere {
            command.env("HAUL_STATE_DIR", root.join("state"));
            Vec::new()
        } else {
            vec!["--state".into(), root.join("state")]
        };
        if let Some(checkpoint) = self.checkpoint {
            command.env("HAUL_TEST_CHECKPOINT_MS", checkpoint.as_millis().to_string());
        }
        let child = command
            .args(self.is_here.then_some("--here"))
            .args(state)
            .args(args.iter().map(AsRef::as_ref))
            .current_dir(self.downloads())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", root.join("home"))
            .env("XDG_CONFIG_HOME", root.join("config"))
            .env("XDG_STATE_HOME", root.join("state"))
            .env("XDG_RUNTIME_DIR", root.join("runtime"))
            .env("HAUL_TEST_STALL_MS", stall.as_millis().to_string())
            .env("HAUL_TEST_BACKOFF_MS", self.backoff.as_millis().to_string())
            // A machine that runs tests is never idle: in the idle class nothing would come.
            .envs((!self.may_be_idle).then_some(("HAUL_TEST_NOT_IDLE", "1")))
            // What the machine's own line and battery are is no matter of a test.
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Running { child, stdout, stderr }
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<str>>(&self, args: &[S]) -> Outcome {
        self.spawn(args).wait()
    }

    /// Runs `haul get` to its end.
    pub(crate) fn get<S: AsRef<str>>(&self, args: &[S]) -> Outcome {
        let words: Vec<_> = std::iter::once("get").chain(args.iter().map(AsRef::as_ref)).collect();
        self.run(&words)
    }
}

/// Waits until nobody holds the store of a state folder.
pub(crate) fn wait_until_free(state: &Path) {
    assert!(haul::engine::Holder::is_free_within(state, DEADLINE).unwrap(), "the store stays held");
}

impl Drop for Machine {
    fn drop(&mut self) {
        let pid =
            haul::engine::Holder::read(&self.state()).pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid.filter(|_| !self.is_here) {
            let _ = kill_process(pid, Signal::KILL);
            let _ = haul::engine::Holder::is_free_within(&self.state(), DEADLINE);
        }
    }
}

impl Outcome {
    /// Returns all of it, for a failing test to show.
    pub(crate) fn told(&self) -> String {
        let stdout = match self.stdout.len() {
            0..2000 => String::from_utf8_lossy(&self.stdout).into_owned(),
            many => format!("{many} bytes"),
        };
        format!("{}\nstdout: {stdout}\nstderr: {}", self.status, self.stderr)
    }
}

impl Running {
    /// Waits for its end; past the deadline it is killed and the test fails.
    pub(crate) fn wait(mut self) -> Outcome {
        let end = Instant::now() + DEADLINE;
        while !self.is_over() {
            if Instant::now() > end {
                let _ = self.child.kill();
                panic!("still running after {DEADLINE:?}; stderr:\n{}", self.outcome().stderr);
            }
            thread::sleep(LOOK);
        }
        self.outcome()
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill().unwrap();
        self.outcome()
    }

    /// Presses Ctrl-C and waits for its end.
    pub(crate) fn interrupt(self) -> Outcome {
        self.press_ctrl_c();
        self.wait()
    }

    /// Presses Ctrl-C.
    pub(crate) fn press_ctrl_c(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits until so many bytes came out on stdout.
    pub(crate) fn wait_for_stdout(&mut self, bytes: u64) {
        let end = Instant::now() + DEADLINE;
        loop {
            let came = std::fs::metadata(&self.stdout).unwrap().len();
            if came >= bytes {
                return;
            }
            assert!(!self.is_over(), "ended with {came} bytes on stdout:\n{}", self.outcome().stderr);
            assert!(Instant::now() < end, "only {came} of {bytes} bytes came out");
            thread::sleep(LOOK);
        }
    }

    /// Waits until so many bytes of `content` are in the file at `path`, in their places.
    pub(crate) fn wait_for_bytes(&mut self, path: &Path, content: &[u8], bytes: u64) {
        let end = Instant::now() + DEADLINE;
        loop {
            let held = Held::of(path, content).len();
            if held >= bytes {
                return;
            }
            assert!(!self.is_over(), "ended with {held} bytes on disk:\n{}", self.outcome().stderr);
            assert!(Instant::now() < end, "only {held} of {bytes} bytes came to {}", path.display());
            thread::sleep(LOOK);
        }
    }

    /// Waits until all these files are there.
    pub(crate) fn wait_for_files(&mut self, paths: &[&Path]) {
        let end = Instant::now() + DEADLINE;
        while !paths.iter().all(|path| path.exists()) {
            assert!(!self.is_over(), "ended without {paths:?}:\n{}", self.outcome().told());
            assert!(Instant::now() < end, "not all of {paths:?} came");
            thread::sleep(LOOK);
        }
    }

    /// Waits until it has said something on stderr.
    pub(crate) fn wait_for_words(&mut self, words: &str) {
        let end = Instant::now() + DEADLINE;
        while !String::from_utf8_lossy(&std::fs::read(&self.stderr).unwrap()).contains(words) {
            assert!(!self.is_over(), "ended without a word of {words:?}:\n{}", self.outcome().told());
            assert!(Instant::now() < end, "no word of {words:?} came");
            thread::sleep(LOOK);
        }
    }

    fn outcome(&mut self) -> Outcome {
        Outcome {
            status: self.child.wait().unwrap(),
            stdout: std::fs::read(&self.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&std::fs::read(&self.stderr).unwrap()).into_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
