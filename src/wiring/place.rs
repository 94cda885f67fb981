//! Where the engine of a command is: state, socket and config, and how its agent is found or started there.

use std::path::PathBuf;
use std::rc::Rc;

use haul::agent::service::{Service, Unspeakable, Way};
use haul::agent::socket;
use haul::agent::start::Start;
use haul::cli::{self, Args, Status};
use haul::client::local::Local;
use haul::client::{Connect, ConnectError};

/// Where the engine of this command is.
pub(crate) struct Place {
    pub(crate) state: PathBuf,
    pub(crate) runtime: PathBuf,
    config: Option<PathBuf>,
    /// The config file, where one was named.
    pub(crate) file: Option<PathBuf>,
}

impl Place {
    pub(crate) fn of(args: &Args) -> Result<Self, Status> {
        use etcetera::BaseStrategy as _;

        let Some(state) = args.state.clone().or_else(default_state) else {
            cli::complain("there is no home folder to keep the store in", "name a folder with --state");
            return Err(Status::Usage);
        };
        let state = std::path::absolute(&state).unwrap_or(state);
        let runtime = socket::runtime_folder(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
        let config = etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir());
        let file =
            args.config.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        // A folder that is a link to another one is that one; one that isn't there yet is as it is called.
        let state = state.canonicalize().unwrap_or(state);
        Ok(Self { state, runtime, config, file })
    }

    /// The way to the agent; `starts` says whether one is started where none answers.
    pub(crate) fn agent(self: &Rc<Self>, starts: bool) -> Box<dyn Connect> {
        let here = Rc::clone(self);
        let find = Box::new(move || socket::find(&here.state, &here.runtime));
        let here = Rc::clone(self);
        let start: haul::client::local::Start = Box::new(move || {
            let start = here.start();
            Box::pin(async move {
                start.start().await.map_err(|error| ConnectError::lasting(error.text, error.hint))
            })
        });
        Box::new(Local::new(find, starts.then_some(start)))
    }

    fn start(&self) -> Start {
        Start {
            program: own_program(),
            state: self.state.clone(),
            given: self.given(),
            units: self.config.as_ref().map(|config| config.join("systemd/user")),
            session: self.runtime.clone(),
            environment: std::env::vars_os()
                .filter(|(name, _)| name != "HAUL_CONFIG")
                .chain(self.file.iter().map(|file| ("HAUL_CONFIG".into(), file.into())))
                .collect(),
        }
    }

    /// What starts the agent of this place at login.
    pub(crate) fn service(&self) -> Result<Service, ConnectError> {
        let home = std::env::home_dir().unwrap_or_else(|| "/".into());
        let config = self.config.clone().unwrap_or_else(|| home.join(".config"));
        let program = own_program();
        Service::new(Way::of_machine(), &program, &self.given(), &home, &config)
            .map_err(|error| ConnectError::lasting(error.to_string(), Unspeakable::HINT))
    }

    /// What an agent has to be told that knows nothing of this command's environment.
    fn given(&self) -> Vec<PathBuf> {
        let usual = std::env::home_dir().map(|home| home.join(".local/state/haul"));
        let usual = usual.map(|usual| usual.canonicalize().unwrap_or(usual));
        let state = (usual.as_ref() != Some(&self.state)).then(|| ["--state".into(), self.state.clone()]);
        let file = self.file.clone().map(|file| ["--config".into(), file]);
        state.into_iter().chain(file).flatten().collect()
    }
}
/// This program's path, also where a newer one was put in its place since it was started.
pub(crate) fn own_program() -> PathBuf {
    let Ok(path) = std::env::current_exe() else { return "haul".into() };
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    replaced.filter(|path| path.exists()).unwrap_or(path)
}

/// `~/.local/state/haul`, or where the platform keeps such things.
fn default_state() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("haul"))
}
