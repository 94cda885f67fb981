//! The changes that an engine reports, as a client takes them: what it is too slow for is told together.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::{Client, ClientError};
use crate::model::id::DownloadId;
use crate::model::update::Update;
use crate::model::view::DownloadRow;

/// The changes that an engine reports: first the whole list in pages, then what changed, at most ten times a second.
#[derive(Debug)]
pub struct Updates {
    feed: Arc<Feed>,
    /// The connection lives as long as somebody reads.
    _client: Option<Client>,
}

/// Where the driver puts what comes, until it is taken.
#[derive(Debug, Default)]
pub(super) struct Feed {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<Update>,
    /// What the list holds as far as it came.
    known: HashSet<DownloadId>,
    /// After a lost connection: what of it came again so far. What didn't, when the list is whole, is gone.
    again: Option<HashSet<DownloadId>>,
    ended: Option<String>,
}

impl Updates {
    pub(super) fn of(client: Option<Client>) -> (Self, Arc<Feed>) {
        let feed = Arc::new(Feed::default());
        (Self { feed: Arc::clone(&feed), _client: client }, feed)
    }

    /// Waits for the next changes. Whoever is slow gets the newest state, never a queue; giving up this future loses nothing.
    ///
    /// # Errors
    /// The connection is gone for good.
    pub async fn next(&mut self) -> Result<Update, ClientError> {
        loop {
            {
                let mut state = self.feed.state();
                if let Some(update) = state.waiting.take() {
                    return Ok(update);
                }
                if let Some(why) = &state.ended {
                    return Err(ClientError::Lost { why: why.clone() });
                }
            }
            self.feed.news.notified().await;
        }
    }
}

impl Feed {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an update.
    pub(super) fn accept(&self, mut update: Update) {
        let mut state = self.state();
        for row in &update.rows {
            state.known.insert(row.id);
            if let Some(again) = &mut state.again {
                again.insert(row.id);
            }
        }
        for id in &update.removed {
            state.known.remove(id);
        }
        if !update.more
            && let Some(again) = state.again.take()
        {
            update.removed.extend(state.known.difference(&again).copied());
            state.known = again;
        }
        state.waiting = Some(match state.waiting.take() {
            Some(before) => merge(before, update),
            None => update,
        });
        drop(state);
        self.news.notify_one();
    }

    /// The connection was lost and is there again: the whole list comes anew.
    pub(super) fn begin_anew(&self) {
        self.state().again = Some(HashSet::new());
    }

    /// Nothing more will come.
    pub(super) fn end(&self, why: &str) {
        self.state().ended = Some(why.to_owned());
        self.news.notify_one();
    }
}

/// Two updates as one.
fn merge(before: Update, after: Update) -> Update {
    let mut rows: BTreeMap<DownloadId, DownloadRow> =
        before.rows.into_iter().map(|row| (row.id, row)).collect();
    let mut removed: HashSet<DownloadId> = before.removed.into_iter().collect();
    for row in after.rows {
        removed.remove(&row.id);
        rows.insert(row.id, row);
    }
    for id in after.removed {
        rows.remove(&id);
        removed.insert(id);
    }
    let mut removed: Vec<_> = removed.into_iter().collect();
    removed.sort_unstable();
    Update {
        revision: after.revision,
        more: after.more,
        rows: rows.into_values().collect(),
        removed,
        collections: after.collections.or(before.collections),
        asking: after.asking.or(before.asking),
        totals: after.totals.or(before.totals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `7 -8`: a row and a removal; `…` says that more follows.
    fn update(words: &str) -> Update {
        let mut update = Update::default();
        for word in words.split_whitespace() {
            match word.strip_prefix('-') {
                Some(id) => update.removed.push(DownloadId(id.parse().unwrap())),
                None if word == "…" => update.more = true,
                None => update.rows.push(crate::model::view::tests::row(word.parse().unwrap())),
            }
        }
        update
    }

    fn told(update: &Update) -> String {
        let rows = update.rows.iter().map(|row| row.id.to_string());
        let mut words: Vec<_> = rows.chain(update.removed.iter().map(|id| format!("-{id}"))).collect();
        if update.more {
            words.push("…".into());
        }
        words.join(" ")
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_nobody_took_is_told_together_and_only_the_newest_of_it() {
        for (story, one) in [
            ("1 2 / 2 3", "1 2 3"),
            ("1 2 / -1", "2 -1"),
            ("-1 / 1", "1"),
            ("1 … / 2 … / 3", "1 2 3"),
            ("1 / 2 …", "1 2 …"),
        ] {
            let (mut updates, feed) = Updates::of(None);
            story.split('/').for_each(|words| feed.accept(update(words)));
            assert_eq!(told(&updates.next().await.unwrap()), one, "{story}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn after_a_lost_connection_what_does_not_come_again_is_removed() {
        let (mut updates, feed) = Updates::of(None);
        feed.accept(update("1 2 3"));
        updates.next().await.unwrap();
        feed.begin_anew();
        feed.accept(update("1 …"));
        assert_eq!(told(&updates.next().await.unwrap()), "1 …");
        // Lost again before all had come: from the beginning.
        feed.begin_anew();
        feed.accept(update("2 …"));
        feed.accept(update("4"));
        assert_eq!(told(&updates.next().await.unwrap()), "2 4 -1 -3");
        feed.end("over");
        assert!(updates.next().await.is_err());
    }
}
