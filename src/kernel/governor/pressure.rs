//! Shortage of processor, disk and memory, as Linux counts it (`Documentation/accounting/psi.rst`): background work takes less while
//! others go short, if that helps them.
//!
//! The system counts our own waiting too. What our threads waited for a processor, and the time that they spent at the disk, is taken
//! off first: what is left is less than what others wait for, never more. And nobody can tell from outside whose doing a shortage
//! is: so less is taken for a trial, and only while the shortage is smaller for it. Else it goes on, and tries again later.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// From this share of the time on, work in flight is halved.
const HALVE: f64 = 0.2;
/// From this share of the time on, no more than the trickle is left.
const STOP: f64 = 0.5;
/// So many seconds in a row decide.
const SECONDS: usize = 5;
/// How long less is taken before it is asked what that did.
const TRIAL: Duration = Duration::from_secs(10);
/// To so much of what it was the shortage must have fallen.
const HELPED: f64 = 0.75;
/// How long nothing more is tried when it did nothing, the first time and at most.
const LEAVE_OFF: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(10));

/// What the system has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strain {
    /// Time in which somebody waited for a processor, for the disk, and for memory.
    pub short: [Duration; 3],
    /// How long our own threads waited for a processor, all together.
    pub waited: Duration,
    /// How long our own threads were at the disk, all together.
    pub at_disk: Duration,
}

/// What others go short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// Time of the processors.
    Processor,
    /// The disk.
    Disk,
    /// Memory.
    Memory,
}

/// How much background work may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ease {
    /// All that is there.
    Full,
    /// Half of what it took.
    Half(Scarce),
    /// The trickle.
    Trickle(Scarce),
}

/// Watches for shortage, about once a second.
#[derive(Debug)]
pub struct Pressure {
    before: Option<(Instant, Strain)>,
    /// The last seconds: how much of each others went short of what.
    seconds: VecDeque<[f64; 3]>,
    ease: Ease,
    /// Since when, how short it was then, and whether it was seen to help.
    trial: (Instant, f64, bool),
    /// Until when nothing is tried, and for how long the next time.
    off: (Instant, Duration),
}

impl Pressure {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            before: None,
            seconds: VecDeque::new(),
            ease: Ease::Full,
            trial: (now, 0.0, false),
            off: (now, LEAVE_OFF.0),
        }
    }

    /// Takes in what the system counts now. Returns how much may be taken.
    pub fn look(&mut self, now: Instant, strain: &Strain) -> Ease {
        let Some((then, before)) = self.before.replace((now, *strain)) else { return self.ease };
        let span = now.saturating_duration_since(then).as_secs_f64();
        if span <= 0.0 {
            return self.ease;
        }
        let grown = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64();
        let own = [grown(strain.waited, before.waited), grown(strain.at_disk, before.at_disk), 0.0];
        let others: Vec<f64> = (0..3)
            .map(|of| ((grown(strain.short[of], before.short[of]) - own[of]) / span).clamp(0.0, 1.0))
            .collect();
        self.seconds.push_back([others[0], others[1], others[2]]);
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
        if self.seconds.len() == SECONDS {
            self.decide(now);
        }
        self.ease
    }

    fn decide(&mut self, now: Instant) {
        let (scarce, level) = self.worst();
        let least = self.seconds.iter().map(|second| second[scarce as usize]).fold(1.0, f64::min);
        let (since, was, helps) = self.trial;
        let tried = now.saturating_duration_since(since) >= TRIAL;
        match self.ease {
            Ease::Full if now < self.off.0 => {}
            Ease::Full if least >= STOP => self.begin(now, Ease::Trickle(scarce), level),
            Ease::Full if least >= HALVE => self.begin(now, Ease::Half(scarce), level),
            Ease::Full => {}
            _ if !tried => {}
            _ if !helps && level > HELPED * was => {
                self.ease = Ease::Full;
                self.off = (now + self.off.1, (self.off.1 * 2).min(LEAVE_OFF.1));
            }
            Ease::Half(_) if least >= STOP => self.begin(now, Ease::Trickle(scarce), level),
            Ease::Trickle(scarce) if level < HALVE / 2.0 => self.begin(now, Ease::Half(scarce), level),
            Ease::Half(_) if level < HALVE / 2.0 => {
                self.ease = Ease::Full;
                self.off.1 = LEAVE_OFF.0;
            }
            Ease::Half(_) | Ease::Trickle(_) => self.trial.2 = true,
        }
    }

    /// Takes less than before, for a trial, or a little more again after one that helped.
    fn begin(&mut self, now: Instant, ease: Ease, level: f64) {
        let helps = matches!(self.ease, Ease::Trickle(_));
        self.ease = ease;
        self.trial = (now, level, helps);
    }

    /// What others go short of most, and how much of the last seconds.
    fn worst(&self) -> (Scarce, f64) {
        let mean = |of: usize| self.seconds.iter().map(|second| second[of]).sum::<f64>() / SECONDS_F;
        [Scarce::Processor, Scarce::Disk, Scarce::Memory]
            .map(|scarce| (scarce, mean(scarce as usize)))
            .into_iter()
            .fold((Scarce::Processor, 0.0), |worst, one| if one.1 > worst.1 { one } else { worst })
    }
}

#[expect(clippy::cast_precision_loss, reason = "five")]
const SECONDS_F: f64 = SECONDS as f64;

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which others go short of the disk for a share of the time, which depends on how much we take.
    struct Machine {
        now: Instant,
        strain: Strain,
        pressure: Pressure,
        ease: Ease,
    }

    impl Machine {
        fn new() -> Self {
            let now = Instant::now();
            let mut pressure = Pressure::new(now);
            let ease = pressure.look(now, &Strain::default());
            Self { now, strain: Strain::default(), pressure, ease }
        }

        /// Lets so many seconds go by. Returns how many of them were at which ease: full, half, trickle.
        fn run(&mut self, seconds: u32, short: impl Fn(Ease) -> f64, own: f64) -> [u32; 3] {
            let mut spent = [0; 3];
            for _ in 0..seconds {
                self.now += Duration::from_secs(1);
                let stalled = (short(self.ease) + own).min(1.0);
                self.strain.short[1] += Duration::from_secs_f64(stalled);
                self.strain.at_disk += Duration::from_secs_f64(own);
                self.ease = self.pressure.look(self.now, &self.strain);
                spent[match self.ease {
                    Ease::Full => 0,
                    Ease::Half(_) => 1,
                    Ease::Trickle(_) => 2,
                }] += 1;
            }
            spent
        }
    }

    #[test]
    fn a_machine_that_lacks_nothing_is_used_in_full_and_so_is_one_that_lacks_what_we_take_ourselves() {
        let mut machine = Machine::new();
        assert_eq!(machine.run(600, |_| 0.1, 0.0), [600, 0, 0]);
        assert_eq!(machine.run(600, |_| 0.0, 0.9), [600, 0, 0]);
        // A moment is no shortage.
        for _ in 0..20 {
            machine.run(4, |_| 1.0, 0.0);
            assert_eq!(machine.run(6, |_| 0.0, 0.0), [6, 0, 0]);
        }
    }

    #[test]
    fn less_is_taken_while_that_helps_and_more_again_when_others_are_done() {
        let mut machine = Machine::new();
        let ours = |ease| match ease {
            Ease::Full => 0.4,
            Ease::Half(_) => 0.15,
            Ease::Trickle(_) => 0.0,
        };
        let [full, half, trickle] = machine.run(120, ours, 0.2);
        assert_eq!((full, trickle), (4, 0));
        assert_eq!((half, machine.ease), (116, Ease::Half(Scarce::Disk)));
        let heavy = |ease| match ease {
            Ease::Full => 0.9,
            Ease::Half(_) => 0.6,
            Ease::Trickle(_) => 0.12,
        };
        machine.run(60, heavy, 0.0);
        assert_eq!(machine.ease, Ease::Trickle(Scarce::Disk));
        machine.run(60, |_| 0.0, 0.0);
        assert_eq!(machine.ease, Ease::Full);
    }

    #[test]
    fn where_it_does_not_help_it_goes_on_and_tries_ever_less_often() {
        let mut machine = Machine::new();
        let [full, half, trickle] = machine.run(3600, |_| 1.0, 0.0);
        assert_eq!(half, 0);
        assert!((60..=120).contains(&trickle), "{trickle}");
        assert_eq!(full + trickle, 3600);
    }

    #[test]
    fn what_is_scarce_is_said() {
        let now = Instant::now();
        for (of, scarce) in [Scarce::Processor, Scarce::Disk, Scarce::Memory].into_iter().enumerate() {
            let mut pressure = Pressure::new(now);
            let ease = (0..=6).map(|second| {
                let mut strain = Strain::default();
                strain.short[of] = Duration::from_millis(300 * second);
                pressure.look(now + Duration::from_secs(second), &strain)
            });
            assert_eq!(ease.last(), Some(Ease::Half(scarce)));
        }
    }
}
