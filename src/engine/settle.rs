//! Answers come after the deed: what was paused, cancelled or removed has let go, and what was decided is in the store.

use std::time::Duration;

use super::Engine;
use super::core::Core;
use super::item::Then;
use crate::model::id::DownloadId;
use crate::model::request::{Acted, Refusal, RefusalKind};
use crate::store::db::Ticket;
use crate::store::error::StoreError;

/// How long an answer waits for the deed; after that it shows when it is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was given to the checkpointer, which answers in the same order.
#[derive(Default)]
pub(super) struct Saves {
    given: u64,
    done: u64,
    /// The last that could not be stored, and why.
    failed: Option<(u64, StoreError)>,
}

impl Saves {
    pub(super) fn give(&mut self) {
        self.given += 1;
    }

    /// One was answered.
    pub(super) fn end(&mut self, result: &Result<(), StoreError>) {
        self.done += 1;
        if let Err(error) = result {
            self.failed = Some((self.done, error.clone()));
        }
    }

    pub(super) fn are_done(&self) -> bool {
        self.done >= self.given
    }
}

impl Core {
    /// Keeps the ticket of what a request decided: its answer comes after it.
    pub(super) fn answer_after(&mut self, ticket: Ticket) {
        self.unheard.push(ticket);
    }

    /// Whether a transfer of one of these was told to end in a way that a person sees, and has not yet.
    fn is_letting_go(&self, id: DownloadId) -> bool {
        let run = self.items.get(&id).and_then(|item| item.run.as_ref());
        run.is_some_and(|run| run.stopping && matches!(run.then, Then::Pause | Then::Cancel | Then::Remove))
    }
}

impl Engine {
    /// How many saves were given before something was decided.
    pub(super) fn saves_given(&self) -> u64 {
        self.core.borrow().saves.given
    }

    /// Waits until what was decided about downloads is so, and stored.
    ///
    /// # Errors
    /// It is so, but holds only as long as the process: it can't be stored.
    pub(super) async fn settle(&self, acted: &[Acted], given_before: u64) -> Result<(), Refusal> {
        let settled = tokio::time::timeout(PATIENCE, async {
            for one in acted.iter().filter(|one| one.refused.is_none()) {
                self.until(|core| !core.is_letting_go(one.id)).await;
            }
            let up_to = self.saves_given();
            self.until(|core| core.saves.done >= up_to).await;
            let db = self.core.borrow().db.clone();
            db.settled().await;
            up_to
        });
        let up_to = settled.await.unwrap_or(u64::MAX);
        let core = self.core.borrow();
        match &core.saves.failed {
            Some((number, error)) if *number > given_before && *number <= up_to => Err(only_for_now(error)),
            _ => Ok(()),
        }
    }

    /// Waits for what a request gave to the store.
    ///
    /// # Errors
    /// As [`Engine::settle`].
    pub(super) async fn hear(&self) -> Result<(), Refusal> {
        let tickets = std::mem::take(&mut self.core.borrow_mut().unheard);
        for ticket in tickets {
            ticket.done().await.map_err(|error| only_for_now(&error))?;
        }
        Ok(())
    }

    async fn until(&self, is_so: impl Fn(&Core) -> bool) {
        loop {
            let moved = self.core.borrow().moved.clone();
            // Made before the look, so that nothing is missed in between.
            let moved = moved.notified();
            if is_so(&self.core.borrow()) {
                return;
            }
            moved.await;
        }
    }
}

fn only_for_now(error: &StoreError) -> Refusal {
    let text = format!("this holds only until haul ends, because it can't be stored: {}", error.text);
    Refusal::new(RefusalKind::Store, text, error.hint())
}
