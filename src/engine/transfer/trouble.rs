//! From an error to what it means for the download.

use std::time::Duration;

use super::order::Outcome;
use super::shared::Shared;
use crate::fetch::error::{FetchError, Kind};
use crate::model::state::{FailKind, Failure, WaitReason};
use crate::store::error::{StoreError, StoreKind};

/// Trouble with the network.
pub(super) fn of_fetch(shared: &Shared, error: &FetchError) -> Outcome {
    let has_bytes = !shared.coverage.borrow().is_empty();
    match error.kind {
        Kind::Stopped => Outcome::Stopped,
        // A certificate that was good before and is not now: somebody stands between, until proven otherwise.
        Kind::Certificate if has_bytes || shared.order.host_gave_files => {
            Outcome::Waits(WaitReason::LoginPage)
        }
        Kind::Certificate => fails(FailKind::Certificate, &error.text, error.hint()),
        Kind::RedirectLoop | Kind::RedirectRefused => fails(FailKind::Redirect, &error.text, error.hint()),
        Kind::OtherProtocol => fails(FailKind::Protocol, &error.text, error.hint()),
        Kind::OutOfReach => fails(FailKind::Refused, &error.text, error.hint()),
        Kind::Local => fails(FailKind::Local, &error.text, error.hint()),
        Kind::InterfaceAway => Outcome::Waits(WaitReason::InterfaceAway {
            interface: shared.order.settings.interface.clone().unwrap_or_default(),
        }),
        _ => Outcome::Transient { text: error.text.clone(), after: None, host: None },
    }
}

/// Trouble with the disk.
pub(super) fn of_disk(shared: &Shared, error: &StoreError) -> Outcome {
    let folder = shared.order.folder.display().to_string();
    match error.kind {
        StoreKind::Full => {
            let left =
                shared.size.get().map_or(1, |size| size.saturating_sub(shared.coverage.borrow().len()));
            let free = crate::store::space::of(&shared.order.folder).map_or(0, |space| space.free);
            Outcome::Full { missing: left.saturating_sub(free).max(1), folder }
        }
        StoreKind::FolderAway => Outcome::Waits(WaitReason::FolderAway { folder }),
        StoreKind::Gone => fails(FailKind::PartGone, &error.text, error.hint()),
        StoreKind::Taken | StoreKind::InTheWay => fails(FailKind::NameTaken, &error.text, error.hint()),
        StoreKind::Locked | StoreKind::NoFiles => {
            Outcome::Transient { text: error.text.clone(), after: Some(Duration::from_secs(5)), host: None }
        }
        _ => fails(FailKind::Local, &error.text, error.hint()),
    }
}

/// A failure in words.
pub(super) fn fails(kind: FailKind, text: impl Into<String>, hint: impl Into<String>) -> Outcome {
    Outcome::Fails(Failure { kind, text: text.into(), hint: hint.into() })
}
