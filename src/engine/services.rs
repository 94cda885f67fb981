//! What the system's services tell over D-Bus: whether the line is metered (`NetworkManager`) and what the battery has (`UPower`); and
//! logind is asked not to put an idle machine to sleep while somebody waits for a download.
//!
//! One connection on the engine's own runtime: nothing is polled, a signal is all that wakes it. Where there is no bus nothing is
//! tried again, a bus that went away is looked for, and where there is no service its first word is waited for.

use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, MessageStream, OwnedFd, Variant};

use super::Engine;
use super::core::Core;
use crate::model::policy::Battery;

/// Where a property is: service, object and interface.
type Place = (&'static str, &'static str, &'static str);

const LINE: Place =
    ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager");
const POWER: Place = ("org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower");
const BATTERY: Place = (
    "org.freedesktop.UPower",
    "/org/freedesktop/UPower/devices/DisplayDevice",
    "org.freedesktop.UPower.Device",
);
const BUS: Place = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");
const LOGIN: Place = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// How long a service may take to answer before it counts as away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait before a bus that went away is looked for; doubles from time to time.
const LOOK_AGAIN_FIRST: Duration = Duration::from_secs(2);
/// The longest wait between two looks.
const LOOK_AGAIN_MOST: Duration = Duration::from_mins(5);

impl Engine {
    /// Listens until the engine is gone. A bus that was there and went away is looked for again; where there is none nothing is.
    pub(super) async fn listen_to_services(self) {
        let mut wait = LOOK_AGAIN_FIRST;
        let mut was_there = false;
        loop {
            let bus = zbus::connection::Builder::system().method_timeout(ANSWERS_WITHIN).build().await;
            match bus {
                Ok(bus) if watch(&bus).await.is_ok() => {
                    (was_there, wait) = (true, LOOK_AGAIN_FIRST);
                    if self.listen_on(bus).await {
                        return;
                    }
                }
                _ if was_there => {}
                _ => return self.has_heard(),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LOOK_AGAIN_MOST);
        }
    }

    /// What can be known of line and power is: what steps aside may begin.
    fn has_heard(&self) {
        let mut core = self.core.borrow_mut();
        core.unheard_until = None;
        if std::mem::take(&mut core.plan.unheard) {
            core.reconsider_soon();
        }
        self.wake.notify_one();
    }

    /// Listens on a bus until it is gone; true where the engine is.
    async fn listen_on(&self, bus: Connection) -> bool {
        let mut messages = MessageStream::from(&bus);
        let mut awake = self.core.borrow().awake.subscribe();
        let mut inhibitor: Option<OwnedFd> = None;
        let (mut line, mut power) = (true, true);
        loop {
            if std::mem::take(&mut line) {
                let metered = metered(&bus).await;
                self.core.borrow_mut().line_is(metered);
                self.wake.notify_one();
            }
            if std::mem::take(&mut power) {
                let battery = battery(&bus).await;
                self.core.borrow_mut().power_is(battery);
                self.has_heard();
            }
            let wanted = *awake.borrow_and_update();
            if !wanted {
                // Closing it is all that it takes.
                inhibitor = None;
            } else if inhibitor.is_none() {
                inhibitor = inhibit(&bus).await;
            }
            tokio::select! {
                message = messages.next() => match message {
                    Some(Ok(message)) if message.message_type() == Type::Signal => {
                        let about = about(&message);
                        line |= about == Some(LINE.0);
                        power |= about == Some(POWER.0);
                    }
                    Some(_) => {}
                    None => return false,
                },
                changed = awake.changed() => if changed.is_err() { return true },
            }
        }
    }
}

/// Asks the bus to pass on what changes, and who comes and goes.
async fn watch(bus: &Connection) -> zbus::Result<()> {
    let properties = |(_, path, interface): Place| {
        format!(
            "type='signal',interface='{PROPERTIES}',member='PropertiesChanged',path='{path}',arg0='{interface}'"
        )
    };
    let owner = |(service, ..): Place| {
        format!("type='signal',interface='{}',member='NameOwnerChanged',arg0='{service}'", BUS.2)
    };
    for rule in [properties(LINE), properties(POWER), properties(BATTERY), owner(LINE), owner(POWER)] {
        bus.call_method(Some(BUS.0), BUS.1, Some(BUS.2), "AddMatch", &rule).await?;
    }
    Ok(())
}

/// The service that a signal is about.
fn about(message: &zbus::Message) -> Option<&'static str> {
    let header = message.header();
    let path = header.path()?;
    if path.as_str() == BUS.1 {
        let body = message.body();
        let (name, _, _): (&str, &str, &str) = body.deserialize().ok()?;
        return [LINE.0, POWER.0].into_iter().find(|service| *service == name);
    }
    [LINE, POWER, BATTERY].into_iter().find(|place| place.1 == path.as_str()).map(|place| place.0)
}

async fn property(
    bus: &Connection,
    (service, path, interface): Place,
    name: &str,
) -> Option<Variant<'static>> {
    let answer =
        bus.call_method(Some(service), path, Some(PROPERTIES), "Get", &(interface, name)).await.ok()?;
    let body = answer.body();
    let value: Variant<'_> = body.deserialize().ok()?;
    value.try_to_owned().ok().map(Into::into)
}

/// Whether the line is metered: for sure, or as NetworkManager guesses.
async fn metered(bus: &Connection) -> Option<bool> {
    match property(bus, LINE, "Metered").await? {
        Variant::U32(1 | 3) => Some(true),
        // It doesn't know where there is no line: what was said of the last one is no word about the next.
        Variant::U32(0 | 2 | 4) => Some(false),
        _ => None,
    }
}

/// The battery, where the machine runs on it.
async fn battery(bus: &Connection) -> Option<Battery> {
    match property(bus, POWER, "OnBattery").await? {
        Variant::Bool(true) => {}
        _ => return None,
    }
    let percent = match property(bus, BATTERY, "Percentage").await {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage, held between 0 and 100"
        )]
        Some(Variant::F64(percent)) => Some(percent.clamp(0.0, 100.0) as u8),
        _ => None,
    };
    Some(Battery { percent })
}

/// Keeps an idle machine awake as long as what comes back is open. Without logind it sleeps as it likes.
async fn inhibit(bus: &Connection) -> Option<OwnedFd> {
    let asked = ("idle", "haul", "a download is waited for", "block");
    let answer = bus.call_method(Some(LOGIN.0), LOGIN.1, Some(LOGIN.2), "Inhibit", &asked).await.ok()?;
    answer.body().deserialize().ok()
}

impl Core {
    fn line_is(&mut self, metered: Option<bool>) {
        if self.plan.metered != metered {
            self.plan.metered = metered;
            self.reconsider_soon();
        }
    }

    fn power_is(&mut self, battery: Option<Battery>) {
        if self.plan.on_battery != battery {
            self.plan.on_battery = battery;
            self.reconsider_soon();
        }
    }

    /// Says whether somebody waits for what runs, on mains: then an idle machine is not to sleep.
    pub(super) fn mind_sleep(&self) {
        let waited_for = |item: &super::item::Item| item.record.is_full_share();
        let wanted = self.plan.on_battery.is_none()
            && self
                .queue
                .ids_running()
                .iter()
                .filter_map(|id| self.items.get(id))
                .any(|item| waited_for(item));
        self.awake.send_if_modified(|awake| std::mem::replace(awake, wanted) != wanted);
    }
}
