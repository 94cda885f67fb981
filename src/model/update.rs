//! What changed since a client last looked.

use serde::{Deserialize, Serialize};

use super::id::DownloadId;
use super::page::PageRequest;
use super::view::{CollectionRow, DownloadRow, Totals};

/// The state of everything that changed up to a revision. A client that applies every update in order holds the true list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// All changes up to this revision are in; ask for what came after it next time.
    pub revision: u64,
    /// Whether more changes up to the newest revision follow at once (a first list comes in pages).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Rows that are new or changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<DownloadRow>,
    /// Downloads that are no longer in the list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<DownloadId>,
    /// All collections, where any of them changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collections: Option<Vec<CollectionRow>>,
    /// All web pages that ask to be let in, where that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asking: Option<Vec<PageRequest>>,
    /// Totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}
