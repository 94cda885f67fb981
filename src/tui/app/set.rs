//! What a person sets, as it is listed and changed while the screen is shown.

use super::{App, Tone};
use crate::config::Effective;
use crate::model::request::Request;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::keep::{Change, Kept};
use crate::tui::overlay::Overlay;

impl App {
    /// Takes in every setting, for the list where it is still open.
    pub(super) fn settings_listed(&mut self, listed: Result<Vec<Effective>, String>) {
        match (listed, &mut self.overlay) {
            (Ok(all), Some(Overlay::Settings(settings))) => settings.put(all),
            (Err(why), Some(Overlay::Settings(settings))) => settings.refuse(why),
            _ => {}
        }
    }

    /// A setting was changed: what is for the screen holds at once, what is for the engine it has to read.
    pub(super) fn kept(&mut self, change: &Change, kept: Result<Box<Kept>, String>) {
        let kept = match (kept, &mut self.overlay) {
            (Ok(kept), _) => *kept,
            (Err(why), Some(Overlay::Settings(settings))) => return settings.refuse(why),
            (Err(why), _) => return self.say(Tone::Bad, why),
        };
        (self.options.ui, self.options.keymap) = (kept.ui, kept.keymap);
        match self.options.look() {
            Ok(look) => self.look = look,
            Err(error) => self.say(Tone::Bad, error.to_string()),
        }
        if matches!(self.overlay, Some(Overlay::Settings(_))) {
            self.effects.push(Effect::ListSettings);
        }
        let said = match change.typed.trim() {
            "" => format!("{}: the default again", change.name),
            typed if self.options.passing => format!("{}: {typed}, for this demo", change.name),
            typed => format!("{}: {typed}, kept for good", change.name),
        };
        if change.is_own() {
            self.say(Tone::Good, said);
        } else {
            self.call(Purpose::Say(said), Request::Reload);
        }
    }
}
