//! The line and the power, as the system's services tell over D-Bus: a bus of our own, and services that say what a test wants.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::Value;
use toml::toml;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedFd, Variant};

use crate::support::machine::Machine;
use crate::support::real;
use crate::support::site::{DEADLINE, Site};

const LINE: &str = "org.freedesktop.NetworkManager";
const POWER: &str = "org.freedesktop.UPower";
const LOGIN: &str = "org.freedesktop.login1";
const DESKTOP: &str = "org.freedesktop.Notifications";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A bus; it ends when this is dropped.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(folder: &Path) -> Option<Self> {
        if !real::has("dbus-daemon") {
            return None;
        }
        let socket = folder.join("bus");
        let address = format!("unix:path={}", socket.display());
        let config = folder.join("bus.conf");
        let text = format!(
            "<busconfig><listen>{address}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
             </policy></busconfig>"
        );
        std::fs::write(&config, text).unwrap();
        let daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .arg("--nofork")
            .stdin(Stdio::null())
            // It may not raise its limits here, and says so.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bus = Self { daemon, address };
        wait_for("a bus", || socket.exists());
        Some(bus)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What a service says, by property; which inhibitors of it somebody holds; and what it was told to show.
#[derive(Clone, Default)]
struct Says {
    values: Arc<Mutex<HashMap<&'static str, Variant<'static>>>>,
    inhibitors: Arc<Mutex<Vec<std::os::unix::net::UnixStream>>>,
    notices: Arc<Mutex<Vec<String>>>,
}

/// A service on the bus; it leaves when this is dropped.
struct Service {
    says: Says,
    changes: Option<tokio::sync::mpsc::UnboundedSender<(&'static str, Variant<'static>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn start(bus: &Bus, name: &'static str, values: &[(&'static str, Variant<'static>)]) -> Self {
        let says = Says::default();
        says.values.lock().unwrap().extend(values.iter().cloned());
        let (changes, incoming) = tokio::sync::mpsc::unbounded_channel();
        let (is_there, there) = mpsc::channel();
        let (own, address) = (says.clone(), bus.address.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(&address, name, own, incoming, is_there));
        });
        there.recv_timeout(DEADLINE).unwrap();
        Self { says, changes: Some(changes), thread: Some(thread) }
    }

    /// Says something else from now on, and tells everybody.
    fn say(&self, property: &'static str, value: Variant<'static>) {
        self.changes.as_ref().unwrap().send((property, value)).unwrap();
    }

    /// How many inhibitors are held.
    fn inhibitors(&self) -> usize {
        let mut held = self.says.inhibitors.lock().unwrap();
        held.retain(|far| {
            far.set_nonblocking(true).unwrap();
            !matches!(std::io::Read::read(&mut &*far, &mut [0]), Ok(0))
        });
        held.len()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.changes = None;
        let _ = self.thread.take().unwrap().join();
    }
}

async fn serve(
    address: &str,
    name: &'static str,
    says: Says,
    mut changes: tokio::sync::mpsc::UnboundedReceiver<(&'static str, Variant<'static>)>,
    is_there: mpsc::Sender<()>,
) {
    let bus = zbus::connection::Builder::address(address).build().await.unwrap();
    let mut messages = MessageStream::from(&bus);
    bus.request_name(name).await.unwrap();
    is_there.send(()).unwrap();
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) if message.message_type() == Type::MethodCall => answer(&bus, &says, &message).await,
                Some(_) => {}
                None => return,
            },
            change = changes.recv() => {
                let Some((property, value)) = change else { return };
                says.values.lock().unwrap().insert(property, value.clone());
                let (path, interface) = place(property);
                let body = (interface, HashMap::from([(property, value)]), Vec::<&str>::new());
                bus.emit_signal(None::<&str>, path, PROPERTIES, "PropertiesChanged", &body).await.unwrap();
            }
        }
    }
}

/// Where a property is.
fn place(property: &str) -> (&'static str, &'static str) {
    match property {
        "Metered" => ("/org/freedesktop/NetworkManager", LINE),
        "OnBattery" => ("/org/freedesktop/UPower", POWER),
        _ => ("/org/freedesktop/UPower/devices/DisplayDevice", "org.freedesktop.UPower.Device"),
    }
}

async fn answer(bus: &Connection, says: &Says, message: &Message) {
    let header = message.header();
    match header.member().map(|member| member.as_str().to_owned()).as_deref() {
        Some("Get") => {
            let body = message.body();
            let (interface, property): (&str, &str) = body.deserialize().unwrap();
            let value = says.values.lock().unwrap().get(property).cloned();
            match value.filter(|_| header.path().map(zbus::ObjectPath::as_str) == Some(place(property).0)) {
                Some(value) => bus.reply(&header, &value).await.unwrap(),
                None => bus
                    .reply_error(&header, "org.freedesktop.DBus.Error.UnknownProperty", &interface)
                    .await
                    .unwrap(),
            }
        }
        Some("Inhibit") => {
            let body = message.body();
            let asked: (&str, &str, &str, &str) = body.deserialize().unwrap();
            assert_eq!((asked.0, asked.3), ("idle", "block"));
            let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
            says.inhibitors.lock().unwrap().push(far);
            bus.reply(&header, &OwnedFd::from(std::os::fd::OwnedFd::from(near))).await.unwrap();
        }
        Some("Notify") => {
            type Notify<'a> =
                (&'a str, u32, &'a str, &'a str, &'a str, Vec<&'a str>, HashMap<&'a str, Variant<'a>>, i32);
            let body = message.body();
            let asked: Notify<'_> = body.deserialize().unwrap();
            assert_eq!((asked.0, asked.3), ("haul", "haul"));
            says.notices.lock().unwrap().push(asked.4.to_owned());
            bus.reply(&header, &1u32).await.unwrap();
        }
        _ => {}
    }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A machine on a bus, and a server.
struct Scene {
    machine: Machine,
    site: Site,
    bus: Bus,
}

impl Scene {
    fn new(config: &str) -> Option<Self> {
        let mut machine = Machine::with_agent();
        let bus = Bus::start(machine.root())?;
        machine.set("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
        machine.set("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        machine.configure(config);
        let site = Site::start(None);
        site.serve("file.bin", toml! { size = "8 MiB" });
        Some(Self { machine, site, bus })
    }

    fn haul(&self, words: &[&str]) -> String {
        let outcome = self.machine.run(words);
        assert!(outcome.status.success(), "{words:?}: {}", outcome.told());
        String::from_utf8(outcome.stdout).unwrap() + &outcome.stderr
    }

    fn add(&self, name: &str, words: &[&str]) {
        let (url, folder) = (self.site.fill("{site}/file.bin"), self.machine.downloads());
        let own = ["add", &url, "-d", folder.to_str().unwrap(), "-o", name, "--again"];
        self.haul(&[&own[..], words].concat());
    }

    fn row(&self, id: u64) -> Value {
        let told = self.haul(&["list", &id.to_string(), "--json"]);
        serde_json::from_str(told.lines().next().unwrap()).unwrap()
    }

    fn standing(&self) -> Value {
        let told = self.haul(&["limit", "--json"]);
        serde_json::from_str(&told).unwrap()
    }

    fn wait_until_it_waits_for(&self, id: u64, why: &str) {
        wait_for(why, || self.row(id)["state"]["why"]["for"] == why);
    }

    fn wait_until_it_runs(&self, id: u64) {
        wait_for("bytes", || self.row(id)["state"]["is"] == "downloading");
    }
}

#[test]
fn on_a_metered_line_what_steps_aside_waits_and_what_is_wanted_now_says_that_it_goes_on() {
    let Some(scene) = Scene::new("") else { return };
    scene.add("one", &["--limit", "200kB/s"]);
    scene.wait_until_it_runs(1);
    // A service that comes later is heard, too.
    let line = Service::start(&scene.bus, LINE, &[("Metered", Variant::from(1u32))]);
    scene.wait_until_it_waits_for(1, "metered");
    scene.add("two", &["--limit", "200kB/s", "--priority", "now"]);
    scene.wait_until_it_runs(2);
    wait_for("remark", || scene.row(2)["remark"] == "on a metered line");
    let told = scene.haul(&["show", "2"]);
    assert!(told.contains("plan        full speed, on a metered line"), "{told}");
    let told = scene.haul(&["agent", "status"]);
    assert!(told.contains("background on hold, on a metered line"), "{told}");
    // A guess that it is none is enough; and a person's word lifts it, until it changes.
    line.say("Metered", Variant::from(4u32));
    scene.wait_until_it_runs(1);
    line.say("Metered", Variant::from(3u32));
    scene.wait_until_it_waits_for(1, "metered");
    scene.haul(&["go"]);
    scene.wait_until_it_runs(1);
    line.say("Metered", Variant::from(2u32));
    wait_for("other line", || scene.standing()["metered"] == false);
    line.say("Metered", Variant::from(1u32));
    scene.wait_until_it_waits_for(1, "metered");
    // A service that leaves takes its word with it, and what a person said of that.
    scene.haul(&["go"]);
    drop(line);
    scene.wait_until_it_runs(1);
    wait_for("no word", || scene.standing()["metered"].is_null());
    let _line = Service::start(&scene.bus, LINE, &[("Metered", Variant::from(1u32))]);
    scene.wait_until_it_waits_for(1, "metered");
}

#[test]
fn on_a_low_battery_background_waits_and_nothing_keeps_the_machine_awake() {
    let Some(scene) = Scene::new("[battery]\nbelow = 30\nnow = \"100kB/s\"\n") else { return };
    let login = Service::start(&scene.bus, LOGIN, &[]);
    let power = Service::start(
        &scene.bus,
        POWER,
        &[("OnBattery", Variant::from(false)), ("Percentage", Variant::from(100.0))],
    );
    scene.add("one", &["--limit", "200kB/s"]);
    scene.wait_until_it_runs(1);
    assert_eq!(login.inhibitors(), 0, "what steps aside keeps nobody awake");
    scene.add("two", &["--limit", "200kB/s", "--priority", "now"]);
    scene.wait_until_it_runs(2);
    wait_for("inhibitor", || login.inhibitors() == 1);
    power.say("OnBattery", Variant::from(true));
    wait_for("sleep", || login.inhibitors() == 0);
    scene.wait_until_it_runs(1);
    power.say("Percentage", Variant::from(29.0));
    scene.wait_until_it_waits_for(1, "on_battery");
    let told = scene.haul(&["list"]);
    assert!(told.contains("on battery, 29 % left"), "{told}");
    wait_for("limit", || scene.row(2)["remark"] == "100 kB/s at most, on battery, 29 %");
    // A person's word lasts as long as that, whatever agent there is.
    scene.haul(&["go"]);
    scene.wait_until_it_runs(1);
    scene.haul(&["agent", "stop"]);
    scene.haul(&["list"]);
    wait_for("battery", || !scene.standing()["on_battery"].is_null());
    scene.wait_until_it_runs(1);
    power.say("OnBattery", Variant::from(false));
    wait_for("mains", || scene.standing()["on_battery"].is_null());
    power.say("OnBattery", Variant::from(true));
    scene.wait_until_it_waits_for(1, "on_battery");
    power.say("OnBattery", Variant::from(false));
    scene.wait_until_it_runs(1);
    wait_for("inhibitor", || login.inhibitors() == 1);
    scene.haul(&["cancel", "2"]);
    wait_for("sleep", || login.inhibitors() == 0);
}

#[test]
fn without_a_service_everything_goes_on() {
    let Some(scene) = Scene::new("") else { return };
    scene.add("one", &[]);
    scene.haul(&["wait", "1", "--timeout", "30s"]);
    let told = scene.standing();
    assert_eq!((&told["metered"], &told["on_battery"]), (&Value::Null, &Value::Null));
}

#[test]
fn what_ends_while_nobody_looks_is_told_once_for_a_collection() {
    let Some(scene) = Scene::new("") else { return };
    let desktop = Service::start(&scene.bus, DESKTOP, &[]);
    let shown = || desktop.says.notices.lock().unwrap().clone();
    scene.site.serve("small", toml! { size = 1000 });
    scene.site.serve("<b>", toml! { status = 404 });
    let add = |words: &[&str]| {
        let urls: Vec<String> =
            words.iter().map(|word| scene.site.fill(&format!("{{site}}/{word}"))).collect();
        let folder = scene.machine.downloads();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        scene.haul(&[&["add", "--again", "-d", folder.to_str().unwrap()][..], &urls].concat());
    };
    add(&["small"]);
    wait_for("notice", || shown() == ["small is done"]);
    add(&["small", "small", "small", "%3Cb%3E"]);
    wait_for("second notice", || shown().len() == 2);
    assert_eq!(shown()[1], "default: 3 done, 1 failed");
    add(&["%3Cb%3E"]);
    wait_for("third notice", || shown().len() == 3);
    assert!(shown()[2].contains(" failed: the server says"), "{:?}", shown());
    // Whoever stays to see it needs no telling.
    let url = scene.site.fill("{site}/small");
    scene.haul(&["get", "--again", "-d", scene.machine.downloads().to_str().unwrap(), &url]);
    // Nor who wants to hear nothing.
    scene.machine.configure("[engine]\nnotify = false\n");
    scene.haul(&["agent", "restart"]);
    add(&["small"]);
    scene.haul(&["wait", "8", "--timeout", "30s"]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(shown().len(), 3, "{:?}", shown());
}
