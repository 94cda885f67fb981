//! Places in the queue: what is moved together keeps its own order, and lands between its new neighbours.

use crate::model::id::DownloadId;
use crate::model::request::Place;

/// The line: places and numbers, in order.
pub type Line = Vec<(f64, DownloadId)>;

/// Returns the line with the chosen ones in another place; `chosen` is sorted by number. Others keep their places where they can.
pub fn moved(mut line: Line, chosen: &[DownloadId], to: Place) -> Line {
    let anchor = match to {
        Place::Before { id } | Place::After { id } => Some(id),
        _ => None,
    };
    let moves = |id: DownloadId| chosen.binary_search(&id).is_ok() && Some(id) != anchor;
    match to {
        Place::Up => {
            for at in 1..line.len() {
                pass(&mut line, at, at - 1, moves);
            }
        }
        Place::Down => {
            for at in (1..line.len()).rev() {
                pass(&mut line, at - 1, at, moves);
            }
        }
        Place::Top | Place::Bottom | Place::Before { .. } | Place::After { .. } => {
            let (mut block, mut rest): (Line, Line) = line.into_iter().partition(|(_, id)| moves(*id));
            let at = match to {
                Place::Top => 0,
                Place::Bottom => rest.len(),
                _ => {
                    let anchor = rest.iter().position(|(_, id)| Some(*id) == anchor).unwrap_or(rest.len());
                    (anchor + usize::from(matches!(to, Place::After { .. }))).min(rest.len())
                }
            };
            let above = at.checked_sub(1).and_then(|at| rest.get(at)).map(|(order, _)| *order);
            spread(&mut block, above, rest.get(at).map(|(order, _)| *order));
            rest.splice(at..at, block);
            line = rest;
        }
    }
    if !line.is_sorted_by(|a, b| a.0 < b.0) {
        // Neighbours that are as near as numbers get leave no place between them: all get new ones.
        let mut place = 0.0;
        for (order, _) in &mut line {
            place += 1.0;
            *order = place;
        }
    }
    line
}

/// Lets one that moves pass its neighbour, unless that moves too.
fn pass(line: &mut Line, at: usize, neighbour: usize, moves: impl Fn(DownloadId) -> bool) {
    let (own, other) = (line[at].1, line[neighbour].1);
    if moves(own) && !moves(other) {
        (line[at].1, line[neighbour].1) = (other, own);
    }
}

/// Gives a block places between two neighbours, at equal distances.
fn spread(block: &mut Line, above: Option<f64>, below: Option<f64>) {
    #[expect(clippy::cast_precision_loss, reason = "a line is shorter than 2^52")]
    let count = block.len() as f64;
    let mut number = 0.0;
    for (order, _) in block {
        number += 1.0;
        *order = match (above, below) {
            (Some(above), Some(below)) => above + (below - above) * number / (count + 1.0),
            (Some(above), None) => above + number,
            (None, Some(below)) => below - (count + 1.0 - number),
            (None, None) => *order,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(line: &Line) -> Vec<u64> {
        line.iter().map(|(_, id)| id.0).collect()
    }

    fn line(count: u32) -> Line {
        (1..=count).map(|id| (f64::from(id), DownloadId(id.into()))).collect()
    }

    #[test]
    fn what_moves_together_keeps_its_order() {
        let id = DownloadId;
        for (chosen, to, expected) in [
            (&[4, 5][..], Place::Top, [4, 5, 1, 2, 3, 6]),
            (&[1, 3], Place::Bottom, [2, 4, 5, 6, 1, 3]),
            (&[1, 6], Place::Before { id: id(4) }, [2, 3, 1, 6, 4, 5]),
            (&[1, 6], Place::After { id: id(4) }, [2, 3, 4, 1, 6, 5]),
            (&[2, 3, 5], Place::Up, [2, 3, 1, 5, 4, 6]),
            (&[1, 2, 4], Place::Up, [1, 2, 4, 3, 5, 6]),
            (&[2, 3, 5], Place::Down, [1, 4, 2, 3, 6, 5]),
            (&[5, 6], Place::Down, [1, 2, 3, 4, 5, 6]),
            // Who is to stand beside itself stays.
            (&[2, 3], Place::After { id: id(3) }, [1, 3, 2, 4, 5, 6]),
        ] {
            let chosen: Vec<_> = chosen.iter().map(|number| id(*number)).collect();
            let after = moved(line(6), &chosen, to);
            assert_eq!(ids(&after), expected, "{chosen:?} {to:?}");
            assert!(after.is_sorted_by(|a, b| a.0 < b.0), "{after:?}");
        }
    }

    #[test]
    fn between_neighbours_there_is_always_a_place() {
        let mut all = line(3);
        for round in 0..200 {
            let (first, last) = (all[0].1, all[2].1);
            all = moved(all, &[last], Place::After { id: first });
            assert_eq!(all[1].1, last, "round {round}");
            assert!(all.is_sorted_by(|a, b| a.0 < b.0), "round {round}: {all:?}");
        }
    }
}
