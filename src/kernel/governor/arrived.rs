//! What has arrived on a connection, in order or not: a hole that is waited for must not look like a slower line.

use std::time::Duration;

/// Counts arrivals from a socket's readings.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    newest: Reading,
    /// None until the first step: a connection may have carried much before it came here.
    counted: Option<Reading>,
    /// Bytes of a usual segment.
    usual: f64,
    /// Bytes behind a hole that were counted before they came in order.
    ahead: f64,
    /// Bytes in order since the last that were not, or that filled a hole.
    clean: f64,
}

/// What a socket tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Bytes of payload that came in order, in all.
    pub bytes: u64,
    /// Segments with payload, in all; wraps.
    pub segments: u32,
    /// Those of them that came before one that is missing, in all, where the system counts them; wraps.
    pub astray: Option<u32>,
    /// The receiver's round trip.
    pub trip: Option<Duration>,
    /// The handshake's.
    pub handshake: Option<Duration>,
    /// The largest segment.
    pub segment: u32,
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
    pub fn read(&mut self, reading: Reading) {
        self.newest = reading;
    }

    /// Returns what came since the step before.
    pub fn step(&mut self) -> Step {
        let new = self.newest;
        let old = self.counted.replace(new).unwrap_or(new);
        let in_order = float(new.bytes.saturating_sub(old.bytes));
        let segments = f64::from(new.segments.wrapping_sub(old.segments));
        let astray = match (new.astray, old.astray) {
            (Some(new), Some(old)) => f64::from(new.wrapping_sub(old)),
            // Without a count: where much less came in order than should have, the rest is behind a hole.
            _ if in_order < 0.5 * segments * self.usual => segments - in_order / self.usual,
            _ => 0.0,
        };
        let behind = astray * self.usual;
        self.ahead += behind;
        // More in order than came is what filled a hole.
        let more = in_order - (segments - astray).max(0.0) * self.usual;
        let filled = if more > 0.6 * self.usual { more.min(self.ahead) } else { 0.0 };
        self.ahead -= filled;
        self.clean = if astray > 0.0 || filled > 0.0 { 0.0 } else { self.clean + in_order };
        if self.clean > self.ahead + 2.0 * self.usual {
            // More came in order than lies ahead: what was never filled came twice.
            self.ahead = 0.0;
        }
        if astray <= 0.0 && filled <= 0.0 && in_order > 0.0 && segments > 0.0 {
            let each = in_order / segments;
            self.usual = if self.usual > 0.0 { self.usual + (each - self.usual) * 0.1 } else { each };
        }
        let bytes = in_order + behind - filled;
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
        for counts in [true, false] {
            let mut arrived = Arrived::default();
            let mut read = |bytes, segments, astray| {
                arrived.read(Reading {
                    bytes,
                    segments,
                    astray: counts.then_some(astray),
                    ..Reading::default()
                });
                arrived.step().bytes
            };
            assert_eq!(read(0, 0, 0), 0);
            assert_eq!(read(14_480, 10, 0), 14_480);
            assert_eq!(read(14_480, 20, 10), 14_480, "ten came behind a hole");
            assert_eq!(read(14_480 * 3, 30, 10), 14_480, "the hole was filled");
            assert_eq!(read(14_480 * 4, 40, 10), 14_480);
        }
    }

    #[test]
    fn every_byte_counts_once_where_the_system_counts_what_came_before_its_turn() {
        let mut arrived = Arrived::default();
        let mut read = |bytes, segments, astray| {
            arrived.read(Reading { bytes, segments, astray: Some(astray), ..Reading::default() });
            arrived.step().bytes
        };
        assert_eq!(read(100_000_000, 70_000, 9), 0, "that was before");
        let before = 100_000_000;
        let mut read =
            |bytes: u64, segments: u32, astray: u32| read(before + bytes, 70_000 + segments, 9 + astray);
        assert_eq!(read(14_480, 10, 0), 14_480);
        // The end of an answer, and of the next one.
        assert_eq!(read(14_480 + 4444, 14, 0), 4444);
        assert_eq!(read(14_480 + 8888, 18, 0), 4444);
        // A hole in the middle of a step: six in order, four behind it.
        let at = 14_480 + 8888;
        let step = read(at + 6 * 1448, 28, 4);
        assert!(step.abs_diff(14_480) < 1000, "{step}");
        // It is filled, and more comes in the same step.
        let all = step + read(at + 20 * 1448, 38, 4);
        assert!(all.abs_diff(20 * 1448) < 200, "{all}");
        assert_eq!(read(at + 30 * 1448, 48, 4), 14_480);
        // What comes twice fills nothing.
        assert_eq!(read(at + 30 * 1448, 49, 4), 0);
        assert_eq!(read(at + 40 * 1448, 59, 4), 14_480);
        // Two neighbours are missing, and are filled one after the other.
        let came = [
            read(at + 40 * 1448, 159, 104),
            read(at + 41 * 1448, 160, 104),
            read(at + 142 * 1448, 161, 104),
            read(at + 152 * 1448, 171, 104),
        ];
        assert!(came.iter().sum::<u64>().abs_diff(112 * 1448) < 500, "{came:?}");
    }

    #[test]
    fn a_round_trip_counts_only_when_something_came() {
        let mut arrived = Arrived::default();
        let trip = Some(Duration::from_millis(20));
        arrived.step();
        arrived.read(Reading { bytes: 1448, segments: 1, trip, segment: 1448, ..Reading::default() });
        assert_eq!(arrived.step().trip, trip);
        arrived.read(Reading { bytes: 1448, segments: 1, trip, segment: 1448, ..Reading::default() });
        assert_eq!(arrived.step(), Step { segment: 1448, ..Step::default() });
    }
}
