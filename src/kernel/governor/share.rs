//! A path's window, shared out among its connections: each download the same, and within it each connection.

use super::path::{FLOOR, Grant};

/// A connection that wants a part of the window.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Which download it works for.
    pub download: u64,
    /// What it could use, in bytes: more than what came in its last round trip.
    pub demand: f64,
    /// The largest segment, in bytes.
    pub segment: u32,
}

/// What a connection gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// A window of so many bytes, read as fast as it comes.
    Window(u64),
    /// The trickle: the smallest window, read four times a second.
    Trickle,
    /// Nothing now: its turn comes.
    Held,
}

/// Shares a grant out. `turn` moves the trickle on, and the few places where the window is too small for all.
pub fn share_out(grant: Grant, wants: &[Wants], turn: usize) -> Vec<Part> {
    let Some(count) = std::num::NonZeroUsize::new(wants.len()) else { return Vec::new() };
    if grant.trickle {
        let chosen = turn % count;
        return (0..wants.len()).map(|at| if at == chosen { Part::Trickle } else { Part::Held }).collect();
    }
    if grant.single {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive window")]
        let all = (grant.window as u64).max(FLOOR);
        return (0..wants.len()).map(|at| if at == 0 { Part::Window(all) } else { Part::Held }).collect();
    }
    let smallest = |wants: &Wants| f64::from(wants.segment.max(1)) * 2.0;
    // Where there is no room for two segments each, some wait for their turn.
    let mut served: Vec<usize> = Vec::with_capacity(wants.len());
    let mut room = grant.window;
    for at in (0..wants.len()).map(|at| (at + turn) % count) {
        let least = smallest(&wants[at]);
        if served.is_empty() || room >= least {
            served.push(at);
            room -= least;
        }
    }
    let mut parts = vec![Part::Held; wants.len()];
    let mut left = grant.window;
    // Whoever wants less than a fair part leaves the rest to the others.
    let mut open: Vec<usize> = served;
    let mut given = vec![0.0; wants.len()];
    while !open.is_empty() {
        let weight = |at: usize| 1.0 / count_of(&open, wants, wants[at].download);
        let all: f64 = open.iter().map(|at| weight(*at)).sum();
        let (content, hungry): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|at| wants[**at].demand <= left * weight(**at) / all);
        if content.is_empty() {
            for at in &hungry {
                given[*at] = left * weight(*at) / all;
            }
            open = Vec::new();
        } else {
            for at in &content {
                given[*at] = wants[*at].demand;
            }
            left -= content.iter().map(|at| wants[*at].demand).sum::<f64>();
            // The last ones take all that is left: nobody else wants it.
            if hungry.is_empty() {
                let more = left.max(0.0) / float(content.len());
                for at in &content {
                    given[*at] += more;
                }
            }
            open = hungry;
        }
        for at in 0..wants.len() {
            if given[at] > 0.0 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a positive window"
                )]
                let window = given[at].max(smallest(&wants[at])) as u64;
                parts[at] = Part::Window(window.max(FLOOR));
            }
        }
    }
    parts
}

fn count_of(open: &[usize], wants: &[Wants], download: u64) -> f64 {
    float(open.iter().filter(|at| wants[**at].download == download).count().max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a few connections")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::path::{Rival, Stance};
    use super::*;

    fn wants(downloads: &[u64]) -> Vec<Wants> {
        downloads.iter().map(|id| Wants { download: *id, demand: f64::INFINITY, segment: 1448 }).collect()
    }

    fn grant(window: f64) -> Grant {
        Grant { window, trickle: false, single: false, stance: Stance::Cruise }
    }

    fn windows(parts: &[Part]) -> Vec<u64> {
        let window = |part: &Part| match part {
            Part::Window(window) => *window,
            Part::Trickle => 1,
            Part::Held => 0,
        };
        parts.iter().map(window).collect()
    }

    #[test]
    fn each_download_gets_the_same_however_many_connections_it_has() {
        let parts = share_out(grant(120_000.0), &wants(&[1, 1, 1, 2]), 0);
        assert_eq!(windows(&parts), [20_000, 20_000, 20_000, 60_000]);
    }

    #[test]
    fn what_a_slow_server_leaves_goes_to_the_others() {
        let mut wants = wants(&[1, 2, 3]);
        wants[1].demand = 10_000.0;
        assert_eq!(windows(&share_out(grant(100_000.0), &wants, 0)), [45_000, 10_000, 45_000]);
    }

    #[test]
    fn the_whole_window_is_given_even_where_little_is_wanted() {
        let mut wants = wants(&[1, 2]);
        (wants[0].demand, wants[1].demand) = (10_000.0, 10_000.0);
        assert_eq!(windows(&share_out(grant(100_000.0), &wants, 0)), [50_000, 50_000]);
    }

    #[test]
    fn where_there_is_too_little_for_all_they_take_turns() {
        assert_eq!(windows(&share_out(grant(6000.0), &wants(&[1, 2, 3]), 0)), [3000, 3000, 0]);
        assert_eq!(windows(&share_out(grant(6000.0), &wants(&[1, 2, 3]), 1)), [0, 3000, 3000]);
        assert_eq!(windows(&share_out(grant(100.0), &wants(&[1, 2]), 0)), [2896, 0]);
    }

    #[test]
    fn where_one_is_compared_with_all_it_has_all_of_the_window() {
        let single = Grant { single: true, ..grant(100_000.0) };
        assert_eq!(windows(&share_out(single, &wants(&[1, 1, 2]), 1)), [100_000, 0, 0]);
    }

    #[test]
    fn the_trickle_has_one_connection_at_a_time() {
        let trickle =
            Grant { window: 2304.0, trickle: true, single: false, stance: Stance::Yield(Rival::Here) };
        assert_eq!(windows(&share_out(trickle, &wants(&[1, 2, 3]), 4)), [0, 1, 0]);
        assert_eq!(share_out(trickle, &[], 4), []);
    }
}
