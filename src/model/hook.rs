//! Hooks: that something happened for which a program is to run. Kept in the store until it ran, so that it runs once.

use serde::{Deserialize, Serialize};

use super::id::{CollectionId, DownloadId};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// A download was completed.
    Done,
    /// A download failed.
    Failed,
    /// The last open download of a collection ended.
    CollectionDone,
    /// Nothing is left to do.
    Idle,
}

impl HookEvent {
    /// Its name in the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "on_done",
            Self::Failed => "on_failed",
            Self::CollectionDone => "on_collection_done",
            Self::Idle => "on_idle",
        }
    }
}

/// One event, and what its program is told of it. Texts are masked already; fields that don't apply are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    /// What happened.
    pub event: HookEvent,
    /// To which download.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<DownloadId>,
    /// In which collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionId>,
    /// Name of the download, or of the collection.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The finished file, or the folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Source URL, without secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// State, in a word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Bytes of the finished file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl HookCall {
    /// Returns the call of an event that is about nothing yet.
    pub fn new(event: HookEvent) -> Self {
        Self {
            event,
            id: None,
            collection: None,
            name: String::new(),
            path: String::new(),
            url: String::new(),
            state: String::new(),
            size: None,
            error: String::new(),
        }
    }

    /// Returns the variables that its program finds in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let number = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
        let all = [
            ("HAUL_EVENT", self.event.word().to_owned()),
            ("HAUL_ID", number(self.id.map(|id| id.0))),
            ("HAUL_COLLECTION", number(self.collection.map(|id| id.0))),
            ("HAUL_NAME", self.name.clone()),
            ("HAUL_PATH", self.path.clone()),
            ("HAUL_URL", self.url.clone()),
            ("HAUL_STATE", self.state.clone()),
            ("HAUL_SIZE", number(self.size)),
            ("HAUL_ERROR", self.error.clone()),
        ];
        // A NUL can't be in an environment, and nothing that holds one is worth telling.
        all.into_iter().filter(|(_, value)| !value.is_empty() && !value.contains('\0')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_what_applies_and_nothing_else() {
        let call =
            HookCall { id: Some(DownloadId(7)), path: "/d/a".into(), ..HookCall::new(HookEvent::Done) };
        let told: Vec<_> = call.environment();
        assert_eq!(
            told,
            [
                ("HAUL_EVENT", "on_done".to_owned()),
                ("HAUL_ID", "7".to_owned()),
                ("HAUL_PATH", "/d/a".to_owned())
            ]
        );
    }
}
