//! What decides how fast downloads may be just now, told whole.

use super::core::Core;
use crate::model::policy::Standing;

impl Core {
    /// Everything that decides.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            ways: self.leaves,
            limits: self.speeds(),
            by_hand: self.limiter.by_hand.clone(),
            budgets: self.circumstances().budgets,
            metered: self.plan.metered,
            on_battery: self.plan.on_battery,
        }
    }
}
