//! What has arrived on a connection, in order or not: a hole that is waited for must not look like a slower line.

use std::time::Duration;

/// Counts arrivals from a socket's readings.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    newest: Reading,
    counted: Reading,
    /// Bytes of a usual segment.
    usual: f64,
    /// Bytes behind a hole that were counted before they came in order.
    ahead: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    bytes: u64,
    segments: u32,
    trip: Option<Duration>,
    handshake: Option<Duration>,
    segment: u32,
}

/// What came since the step before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes of payload.
    pub bytes: u64,
    /// The receiver's round trip, if anything came that could tell.
    pub trip: Option<Duration>,
    /// The handshake's round trip.
    pub handshake: Option<Duration>,
    /// The largest segment.
    pub segment: u32,
}

impl Arrived {
    /// Takes a reading; the last one before a step counts.
    pub fn read(
        &mut self,
        bytes: u64,
        segments: u32,
        trip: Option<Duration>,
        handshake: Option<Duration>,
        segment: u32,
    ) {
        self.newest = Reading { bytes, segments, trip, handshake, segment };
    }

    /// Returns what came since the step before.
    pub fn step(&mut self) -> Step {
        let (new, old) = (self.newest, self.counted);
        self.counted = new;
        let in_order = float(new.bytes.saturating_sub(old.bytes));
        let segments = f64::from(new.segments.wrapping_sub(old.segments));
        let arrived = segments * self.usual;
        let bytes = if in_order < 0.5 * arrived {
            self.ahead += arrived - in_order;
            arrived
        } else {
            let filled = self.ahead.min((in_order - arrived).max(0.0));
            self.ahead -= filled;
            if segments > 0.0 && filled <= 0.0 {
                let each = in_order / segments;
                self.usual = if self.usual > 0.0 { self.usual + (each - self.usual) * 0.1 } else { each };
            }
            in_order - filled
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of one tick")]
        let bytes = bytes.max(0.0) as u64;
        let came = new.segments != old.segments;
        Step { bytes, trip: new.trip.filter(|_| came), handshake: new.handshake, segment: new.segment }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one tick")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_no_pause_and_what_fills_it_is_no_burst() {
        let mut arrived = Arrived::default();
        let mut read = |bytes, segments| {
            arrived.read(bytes, segments, None, None, 1448);
            arrived.step().bytes
        };
        assert_eq!(read(14_480, 10), 14_480);
        assert_eq!(read(14_480, 20), 14_480, "ten came behind a hole");
        assert_eq!(read(14_480 * 3, 30), 14_480, "the hole was filled");
        assert_eq!(read(14_480 * 4, 40), 14_480);
    }

    #[test]
    fn a_round_trip_counts_only_when_something_came() {
        let mut arrived = Arrived::default();
        let trip = Some(Duration::from_millis(20));
        arrived.read(1448, 1, trip, None, 1448);
        assert_eq!(arrived.step().trip, trip);
        arrived.read(1448, 1, trip, None, 1448);
        assert_eq!(arrived.step(), Step { segment: 1448, ..Step::default() });
    }
}
