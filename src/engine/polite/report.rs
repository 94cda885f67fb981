//! What the governor tells of each download, for details and the row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::id::DownloadId;
use crate::model::view::Politeness;

/// The newest word on each background download that runs. The governor writes, the engine reads; both are of the normal class.
#[derive(Clone, Default)]
pub(crate) struct Reports(Arc<Mutex<HashMap<DownloadId, Politeness>>>);

impl Reports {
    /// What is known of a download, unless it is at full share or does not run.
    pub(crate) fn of(&self, id: DownloadId) -> Option<Politeness> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// What it steps aside for, if it does: a remark for the row.
    pub(crate) fn remark(&self, id: DownloadId) -> Option<String> {
        let reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reports.get(&id).filter(|report| report.aside).map(|report| report.doing.clone())
    }

    pub(super) fn replace(&self, reports: HashMap<DownloadId, Politeness>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reports;
    }
}
