//! `haul demo`: the screen on the built-in shop, with a store and downloads in a folder of its own, which goes with it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use haul::agent::house::{Facts, House};
use haul::cli::{self, Status};
use haul::client::Client;
use haul::config::{Config, Place};
use haul::demo::{self, Shop};
use haul::door::Door;
use haul::engine::{Engine, Started};
use haul::model::request::{Refusal, RefusalKind};
use haul::model::settings::{Settings, SettingsSource};
use haul::tui::Surroundings;

use tokio_util::sync::CancellationToken;

use super::console::{self, Shown};
use super::context::{Spool, context, ended_from_outside, raise_file_limit};
use super::here::{connect_here, refuse_here};
use super::settings::hurry;

/// How soon a silent server is given up: whoever looks on should see it.
const STALL: Duration = Duration::from_secs(8);

/// Opens the shop alone, until Ctrl-C.
pub(crate) fn open_shop() -> ExitCode {
    let opened = Shop::open()
        .and_then(|shop| Ok((shop, tokio::runtime::Builder::new_current_thread().enable_all().build()?)));
    match opened {
        Ok((shop, runtime)) => runtime
            .block_on(async {
                tokio::select! {
                    status = cli::attend_shop(shop.links(), shop.page()) => status.code(),
                    signal = ended_from_outside() => signal,
                }
            })
            .into(),
        Err(error) => {
            cli::complain(&format!("the shop can't open: {error}"), "close something and try again");
            Status::Unreachable.into()
        }
    }
}

/// Shows the demo until somebody leaves.
pub(crate) fn show(config: Option<PathBuf>) -> ExitCode {
    let Some(surroundings) = console::wanted(None) else {
        cli::complain(
            "the demo is a full screen, and this is no terminal for one",
            "`haul demo --serve` opens the shop alone",
        );
        return Status::Usage.into();
    };
    raise_file_limit();
    let opened = tempfile::Builder::new().prefix("haul-demo-").tempdir().and_then(|folder| {
        std::fs::create_dir(folder.path().join("downloads"))?;
        Ok((folder, Shop::open()?, tokio::runtime::Builder::new_current_thread().enable_all().build()?))
    });
    let (folder, shop, runtime) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            cli::complain(
                &format!("the demo can't be set up: {error}"),
                "make room in the folder for temporary files",
            );
            return Status::Unreachable.into();
        }
    };
    let config = match own_config(folder.path(), config) {
        Ok(config) => config,
        Err(status) => return status.into(),
    };
    let local = tokio::task::LocalSet::new();
    let code = local.block_on(&runtime, run(folder.path(), &shop, surroundings, Some(config)));
    // What still holds one of its files open must let go before they are removed.
    drop((local, runtime, shop));
    let left = folder.path().to_owned();
    if let Err(error) = folder.close() {
        cli::complain(&format!("{} can't be removed: {error}", left.display()), "remove it by hand");
    }
    code.into()
}

/// The demo's own config file: a copy of the person's, so that it looks as they like it. What is changed on the screen goes with it.
fn own_config(folder: &Path, config: Option<PathBuf>) -> Result<PathBuf, Status> {
    let place = Place::find(config).map_err(|error| cli::tell_config(&error))?;
    // What is wrong with it is told where it is.
    Config::load(&place).map_err(|error| cli::tell_config(&error))?;
    let own = folder.join("config.toml");
    let text = match std::fs::read(&place.path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    };
    text.and_then(|text| std::fs::write(&own, text)).map_err(|error| {
        cli::complain(
            &format!("the demo can't be set up: {error}"),
            "make room in the folder for temporary files",
        );
        Status::Unreachable
    })?;
    Ok(own)
}

async fn run(folder: &Path, shop: &Shop, surroundings: Surroundings, config: Option<PathBuf>) -> u8 {
    let (state, downloads) = (folder.join("state"), folder.join("downloads"));
    let mut context = match context(&Spool(None), false) {
        Ok(context) => context,
        Err(code) => return code,
    };
    context.downloads.clone_from(&downloads);
    let mut source = Shipped { preset: None };
    let mut settings = match source.read() {
        Ok(settings) => settings,
        Err(refusal) => {
            cli::complain(&refusal.text, &refusal.hint);
            return Status::Usage.code();
        }
    };
    settings.door.folders = vec![downloads.clone()];
    let source = Rc::new(RefCell::new(source));
    let Started { engine, drive, .. } = match Engine::start(&state, settings, source, false) {
        Ok(started) => started,
        Err(error) => return refuse_here(&error, &state).code(),
    };
    let driving = tokio::task::spawn_local(drive);
    let closing = CancellationToken::new();
    let tip = open_door(&engine, shop, &closing);
    let connect = connect_here(&engine, &state);
    let code = match connect(true).await {
        Ok(client) => {
            let shown =
                Shown { outlives: false, passing: true, host: String::new(), state: None, config, tip };
            tokio::select! {
                status = console::open(connect, None, context, surroundings, shown) => status.code(),
                () = fill(client, shop, &downloads) => Status::Done.code(),
                signal = ended_from_outside() => signal,
            }
        }
        Err(why) => {
            cli::complain(&why, "");
            Status::Unreachable.code()
        }
    };
    closing.cancel();
    engine.stop();
    // It ends by itself: what it would say of a panic has been said.
    let _ = driving.await;
    code
}

/// Opens the door for the shop's page, at the usual port or any other, and returns what is said of it.
fn open_door(engine: &Engine, shop: &Shop, closing: &CancellationToken) -> String {
    let usual = Settings::default().door.port;
    let Ok(door) = Door::open(usual).or_else(|_| Door::open(0)) else { return String::new() };
    shop.knows_door(door.url());
    let house = House::new(engine.clone(), Facts::default());
    tokio::task::spawn_local(door.serve(house, closing.clone()));
    format!("buy something in a browser: {}", shop.page())
}

/// The settings of the demo: nobody's own, with the presets that come with haul.
struct Shipped {
    preset: Option<String>,
}

impl SettingsSource for Shipped {
    fn read(&mut self) -> Result<Settings, Refusal> {
        let text = self.preset.as_ref().map(|name| format!("preset = {name:?}\n")).unwrap_or_default();
        let config = Config::parse(Path::new("demo"), text).map_err(|report| {
            Refusal::new(RefusalKind::NotFound, report.to_string(), "the list of presets has the names")
        })?;
        let mut settings = hurry(config.settings(None));
        settings.engine.stall = STALL;
        // Whoever looks on should see it move, however busy the machine is.
        settings.engine.idle = false;
        // The shop is on this machine: no line, and no battery worth to be saved.
        settings.engine.services = false;
        Ok(settings)
    }

    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal> {
        let before = self.preset.replace(name.to_owned());
        let settings = self.read();
        if settings.is_err() {
            self.preset = before;
        }
        settings
    }
}

/// Fills the screen, and stays a client for as long as it is shown: a real-time download needs its owner.
async fn fill(client: Client, shop: &Shop, downloads: &Path) {
    // What the engine refuses is missing on the screen, which tells of everything else.
    let _ = demo::play(&client, shop.address(), downloads).await;
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_in_the_demo_goes_with_it() {
        let home = tempfile::tempdir().unwrap();
        let named = home.path().join("mine.toml");
        std::fs::write(&named, "[ui]\ntheme = \"light\"\n").unwrap();
        let own = own_config(home.path(), Some(named.clone())).unwrap();
        let place = Place::find(Some(own.clone())).unwrap();
        haul::config::change(&place, "ui", "reduced_motion", "true").unwrap();
        assert_eq!(std::fs::read_to_string(&named).unwrap(), "[ui]\ntheme = \"light\"\n");
        let text = std::fs::read_to_string(&own).unwrap();
        assert!(text.contains("light") && text.contains("reduced_motion"), "{text}");
        assert!(own_config(home.path(), Some(home.path().join("none.toml"))).is_err());
    }

    #[test]
    fn the_demo_has_the_presets_that_come_with_haul() {
        let mut shipped = Shipped { preset: None };
        assert!(shipped.read().unwrap().preset_rows.iter().all(|row| !row.in_use));
        let settings = shipped.use_preset("polite").unwrap();
        let used = settings.preset_rows.iter().find(|row| row.in_use).unwrap();
        assert_eq!((used.name.as_str(), settings.engine.parallel), ("polite", 2));
        assert!(shipped.use_preset("impolite").is_err());
        assert_eq!(shipped.read().unwrap(), settings);
    }
}
