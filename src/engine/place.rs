//! Moves downloads in the queue.

use super::act::not_found;
use super::core::Core;
use crate::kernel::place::{Line, moved};
use crate::model::id::DownloadId;
use crate::model::request::{Acted, Place};
use crate::model::state::State;

impl Core {
    /// Gives downloads another place, all of them together; `chosen` is sorted by number.
    pub(super) fn place(&mut self, chosen: Vec<DownloadId>, to: Place) -> Vec<Acted> {
        if let Place::Before { id } | Place::After { id } = to
            && !self.items.contains_key(&id)
        {
            let refused = Some(not_found(id));
            return chosen.into_iter().map(|id| Acted { id, refused: refused.clone() }).collect();
        }
        let mut line: Line = self.items.values().map(|item| (item.record.order, item.record.id)).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (order, id) in moved(line, &chosen, to) {
            self.give_place(id, order);
        }
        chosen.into_iter().map(|id| Acted { id, refused: None }).collect()
    }

    fn give_place(&mut self, id: DownloadId, order: f64) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.record.order.to_bits() == order.to_bits() {
            return;
        }
        item.record.order = order;
        if item.record.state == State::Queued {
            self.enqueue(id);
        }
        self.touch(id);
        self.store(id);
    }
}
