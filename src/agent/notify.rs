//! Desktop notifications for whoever has no screen open, as `org.freedesktop.Notifications` shows them (Desktop Notifications
//! Specification 1.2). Where there is no session bus or nobody who shows them, nothing is told.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use zbus::Variant;

use super::house::House;

const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How long the desktop may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How long after an end it is told: whoever has just asked for something comes to look on, and leaves again, within that.
const AFTER: Duration = Duration::from_secs(1);

/// Tells each notice that comes while no person's client follows what happens, which would tell it itself.
pub(super) async fn deliver(house: Rc<House>, mut notices: mpsc::UnboundedReceiver<String>) {
    while let Some(text) = notices.recv().await {
        let house = Rc::clone(&house);
        // A desktop that takes its time must not keep the next one from being decided on.
        tokio::task::spawn_local(async move {
            tokio::time::sleep(AFTER).await;
            if !house.was_watched_within(AFTER)
                && house.engine.wants_notices()
                && let Err(error) = show(&text).await
            {
                // There may be a desktop the next time.
                tracing::debug!("no desktop shows it: {error}");
            }
        });
    }
}

async fn show(text: &str) -> zbus::Result<()> {
    // Opened for each: they are rare, and an agent that waits is small.
    let bus = zbus::connection::Builder::session().method_timeout(ANSWERS_WITHIN).build().await?;
    let hints: HashMap<&str, Variant<'_>> = HashMap::new();
    let (name, replaces, icon, for_as_long_as_usual) = ("haul", 0_u32, "", -1_i32);
    let actions: [&str; 0] = [];
    let body = (name, replaces, icon, "haul", escaped(text), &actions[..], hints, for_as_long_as_usual);
    bus.call_method(Some(SERVICE), PATH, Some(SERVICE), "Notify", &body).await.map(drop)
}

/// A body may be markup: what comes from outside is text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_comes_from_outside_is_no_markup() {
        assert_eq!(escaped("<a href=x>R&B</a>"), "&lt;a href=x&gt;R&amp;B&lt;/a&gt;");
    }
}
