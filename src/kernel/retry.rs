//! When to try again, and when to give up: full-jitter exponential backoff, which progress resets.
//!
//! Full jitter is from Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).

use std::time::Duration;

use crate::model::item::GiveUp;

/// How long to wait before try number `attempt` (the first one after trouble is 1): at random up to `first`, doubled from try
/// to try, at most `most`. What the server asked for is waited at least: servers that say 0, or a moment that is past, would
/// otherwise be asked as fast as they answer. `random` lies in 0.0..1.0.
pub fn wait(attempt: u32, first: Duration, most: Duration, asked: Option<Duration>, random: f64) -> Duration {
    let doubled =
        first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1).min(20)).unwrap_or(1 << 20));
    let own = doubled.min(most).mul_f64(random.clamp(0.0, 1.0));
    asked.map_or(own, |asked| asked.max(own))
}

/// How long a download is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries where no byte ever came.
    pub tries: Option<u32>,
    /// Time without a byte.
    pub dry: GiveUp,
}

impl Patience {
    /// Whether it is over after `attempts` tries without a byte, the last byte `dry_for` ago.
    pub fn is_over(self, attempts: u32, ever_a_byte: bool, dry_for: Duration) -> bool {
        if !ever_a_byte && self.tries.is_some_and(|tries| attempts >= tries.max(1)) {
            return true;
        }
        match self.dry {
            GiveUp::Never => false,
            GiveUp::AfterSecs(seconds) => dry_for >= Duration::from_secs(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_are_spread() {
        let (first, most) = (Duration::from_secs(1), Duration::from_mins(10));
        let table = [(1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (u32::MAX, 600)];
        for (attempt, seconds) in table {
            assert_eq!(wait(attempt, first, most, None, 1.0), Duration::from_secs(seconds), "try {attempt}");
            assert_eq!(wait(attempt, first, most, None, 0.0), Duration::ZERO);
        }
        assert_eq!(wait(1, first, most, Some(Duration::from_secs(42)), 0.5), Duration::from_secs(42));
    }

    #[test]
    fn a_server_that_asks_for_no_wait_is_not_asked_at_once_again_and_again() {
        let (first, most) = (Duration::from_secs(1), Duration::from_mins(10));
        assert_eq!(wait(3, first, most, Some(Duration::ZERO), 0.5), Duration::from_secs(2));
        assert_eq!(wait(4, first, most, Some(Duration::from_secs(1)), 1.0), Duration::from_secs(8));
    }

    #[test]
    fn patience_ends_by_tries_only_where_no_byte_ever_came() {
        let get = Patience { tries: Some(5), dry: GiveUp::AfterSecs(600) };
        let minute = Duration::from_mins(1);
        assert!(!get.is_over(4, false, minute));
        assert!(get.is_over(5, false, minute));
        assert!(!get.is_over(50, true, minute));
        assert!(get.is_over(50, true, minute * 10));
        assert!(!Patience { tries: None, dry: GiveUp::Never }.is_over(1000, false, minute * 1_000_000));
    }
}
