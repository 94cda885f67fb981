//! The three ways to download: what limits, the plan, the line and the power are told apart by.

use serde::{Deserialize, Serialize};

use super::item::{Mode, Priority};

/// How a download uses the line and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Background below priority `now`: it steps aside.
    Background,
    /// Background at priority `now`: it takes its full share.
    Now,
    /// Real time.
    RealTime,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Background, Self::Now, Self::RealTime];

    /// The way of a download.
    pub fn of(mode: Mode, priority: Priority) -> Self {
        match (mode, priority) {
            (Mode::RealTime, _) => Self::RealTime,
            (Mode::Background, Priority::Now) => Self::Now,
            (Mode::Background, _) => Self::Background,
        }
    }

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Now => "now",
            Self::RealTime => "real-time",
        }
    }
}

/// Something for each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Ways<T> {
    /// Background below priority `now`.
    pub background: T,
    /// Background at priority `now`.
    pub now: T,
    /// Real time.
    pub real_time: T,
}

impl<T> Ways<T> {
    /// Returns what `of` gives for each way.
    pub fn each(mut of: impl FnMut(Way) -> T) -> Self {
        Self { background: of(Way::Background), now: of(Way::Now), real_time: of(Way::RealTime) }
    }

    /// What there is for a way.
    pub fn of(&self, way: Way) -> &T {
        match way {
            Way::Background => &self.background,
            Way::Now => &self.now,
            Way::RealTime => &self.real_time,
        }
    }

    /// The same, to change it.
    pub fn of_mut(&mut self, way: Way) -> &mut T {
        match way {
            Way::Background => &mut self.background,
            Way::Now => &mut self.now,
            Way::RealTime => &mut self.real_time,
        }
    }

    /// All three, with their ways.
    pub fn iter(&self) -> impl Iterator<Item = (Way, &T)> {
        Way::ALL.into_iter().map(|way| (way, self.of(way)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_download_has_one_way() {
        for (mode, priority, way) in [
            (Mode::Background, Priority::Low, Way::Background),
            (Mode::Background, Priority::High, Way::Background),
            (Mode::Background, Priority::Now, Way::Now),
            (Mode::RealTime, Priority::Now, Way::RealTime),
            (Mode::RealTime, Priority::Low, Way::RealTime),
        ] {
            assert_eq!(Way::of(mode, priority), way);
        }
        let words = Ways::each(Way::word);
        assert_eq!(words.iter().map(|(way, word)| way.word() == *word).collect::<Vec<_>>(), [true; 3]);
    }
}
