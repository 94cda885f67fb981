//! Speed limits of the engine: one bucket for all, for each way, collection and host, and for downloads of their own. Every change
//! holds for what runs, at once and on the connections that it has.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use super::core::{Core, tell};
use super::item::Item;
use super::transfer::Control;
use crate::kernel::limit::Bucket;
use crate::kernel::resolve;
use crate::model::host::HostPattern;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::TransferSettings;
use crate::model::policy::Speeds;
use crate::model::request::Limits;
use crate::model::view::SharedLimit;
use crate::model::way::{Way, Ways};

/// The buckets, and the limits that were set by hand.
pub(super) struct Limiter {
    all: Arc<Bucket>,
    ways: Ways<Arc<Bucket>>,
    collections: HashMap<CollectionId, Arc<Bucket>>,
    hosts: HashMap<HostPattern, Arc<Bucket>>,
    downloads: HashMap<DownloadId, Arc<Bucket>>,
    pub(super) by_hand: Speeds,
}

impl Limiter {
    /// Returns buckets without limits.
    pub(super) fn new() -> Self {
        let bucket = || Arc::new(Bucket::new(Instant::now(), 0));
        Self {
            all: bucket(),
            ways: Ways::each(|_| bucket()),
            collections: HashMap::new(),
            hosts: HashMap::new(),
            downloads: HashMap::new(),
            by_hand: Speeds::default(),
        }
    }

    /// A download is over: its own bucket goes.
    pub(super) fn forget(&mut self, id: DownloadId) {
        self.downloads.remove(&id);
    }

    /// A collection is gone.
    pub(super) fn forget_collection(&mut self, id: CollectionId) {
        self.collections.remove(&id);
    }
}

/// The bucket of something, with that rate from now on; none where there is no limit.
fn bucket_of<K: Hash + Eq>(
    buckets: &mut HashMap<K, Arc<Bucket>>,
    key: K,
    rate: Option<u64>,
) -> Option<Arc<Bucket>> {
    let Some(rate) = rate.filter(|rate| *rate > 0) else {
        buckets.remove(&key);
        return None;
    };
    let bucket = buckets.entry(key).or_insert_with(|| Arc::new(Bucket::new(Instant::now(), rate)));
    bucket.set_rate(rate);
    Some(Arc::clone(bucket))
}

impl Core {
    /// The limits in force: those of the settings, under those that were set by hand. No limit is none, or 0.
    pub(super) fn speeds(&self) -> Speeds {
        let mut speeds = Speeds {
            rate: Some(self.settings.rate),
            rates: Ways::each(|way| Some(*self.settings.rates.of(way))),
            hosts: self
                .config
                .hosts
                .iter()
                .filter_map(|rule| Some((rule.host.clone(), rule.limit?)))
                .collect(),
        };
        speeds.put(&self.limiter.by_hand);
        let some = |rate: Option<u64>| rate.filter(|rate| *rate > 0);
        speeds.rate = some(speeds.rate);
        speeds.rates = Ways::each(|way| some(*speeds.rates.of(way)));
        speeds.hosts.retain(|_, rate| *rate > 0);
        speeds
    }

    /// The buckets that a download's bytes pass, outermost first.
    pub(super) fn limits_of(&mut self, id: DownloadId) -> Vec<Arc<Bucket>> {
        let Some(item) = self.items.get(&id) else { return Vec::new() };
        let way = Way::of(item.record.mode, item.record.priority);
        let mut limits = vec![Arc::clone(&self.limiter.all), Arc::clone(self.limiter.ways.of(way))];
        let collection = item.record.collection;
        let together = self.collections.get(&collection).and_then(|collection| collection.settings.limit);
        limits.extend(bucket_of(&mut self.limiter.collections, collection, together));
        let own = item.record.settings.limit;
        for (pattern, rate) in self.hosts_limits_of(item) {
            limits.extend(bucket_of(&mut self.limiter.hosts, pattern, Some(rate)));
        }
        limits.extend(bucket_of(&mut self.limiter.downloads, id, own));
        limits
    }

    /// The limits that a download shares with others, the lowest first.
    pub(super) fn shared_limits_of(&self, item: &Item) -> Vec<SharedLimit> {
        let record = &item.record;
        let speeds = self.speeds();
        let way = Way::of(record.mode, record.priority);
        let collection = self.collections.get(&record.collection);
        let together = collection.and_then(|own| {
            Some((format!("collection:{}", own.name), own.settings.limit.filter(|rate| *rate > 0)?))
        });
        let hosts = self.hosts_limits_of(item).into_iter();
        let mut limits: Vec<SharedLimit> = speeds
            .rate
            .map(|rate| ("everything".to_owned(), rate))
            .into_iter()
            .chain(speeds.rates.of(way).map(|rate| (way.word().to_owned(), rate)))
            .chain(hosts.map(|(pattern, rate)| (format!("host:{pattern}"), rate)))
            .chain(together)
            .map(|(of, rate)| SharedLimit { of, rate })
            .collect();
        limits.sort_by_key(|limit| limit.rate);
        limits
    }

    /// What limits the host of a download's link, and the one that it was led to.
    fn hosts_limits_of(&self, item: &Item) -> Vec<(HostPattern, u64)> {
        let led_to = item.record.checkpoint.as_ref().and_then(|held| held.final_url.as_ref()?.host_str());
        let hosts = [self.limit_of_host(item.host()), led_to.and_then(|host| self.limit_of_host(host))];
        let mut limits: Vec<_> = hosts.into_iter().flatten().collect();
        limits.dedup_by(|a, b| a.0 == b.0);
        limits
    }

    /// What limits all that comes from a host together: a word by hand about it, or the last rule that does.
    fn limit_of_host(&self, host: &str) -> Option<(HostPattern, u64)> {
        let by_hand = self.limiter.by_hand.hosts.iter().filter(|(pattern, _)| pattern.is_about(host));
        // Of several, the one that says most about it.
        if let Some((pattern, rate)) = by_hand.max_by_key(|(pattern, _)| pattern.to_string().len()) {
            return Some((pattern.clone(), *rate)).filter(|(_, rate)| *rate > 0);
        }
        resolve::limit_of(host, &self.config.hosts).map(|(rule, rate)| (rule.host.clone(), rate))
    }

    /// Sets every bucket anew, and tells what runs.
    pub(super) fn limit_anew(&mut self) {
        let speeds = self.speeds();
        self.limiter.all.set_rate(speeds.rate.unwrap_or(0));
        for way in Way::ALL {
            let plan = self.leaves.of(way).policy.rate();
            let rate = [*speeds.rates.of(way), plan].into_iter().flatten().min();
            self.limiter.ways.of(way).set_rate(rate.unwrap_or(0));
        }
        for id in self.queue.ids_running() {
            self.limit_anew_one(id);
        }
    }

    /// Tells a running download which buckets its bytes pass from now on.
    pub(super) fn limit_anew_one(&mut self, id: DownloadId) {
        let limits = self.limits_of(id);
        if let Some(run) = self.items.get(&id).and_then(|item| item.run.as_ref()) {
            tell(run, Control::Limits(limits));
        }
    }

    /// Changes the engine's own limits while it runs.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let mut settings = self.settings.as_ref().clone();
        let keep = |new: Option<u32>, old: u32| new.map_or(old, |new| new.max(1));
        settings.parallel = keep(limits.parallel, settings.parallel);
        settings.parallel_per_host = keep(limits.parallel_per_host, settings.parallel_per_host);
        settings.connections_per_host = keep(limits.connections_per_host, settings.connections_per_host);
        settings.connections = keep(limits.connections, settings.connections);
        self.settings = Arc::new(settings);
        if limits.reset || limits.speeds != Speeds::default() {
            if limits.reset {
                self.limiter.by_hand = Speeds::default();
            }
            self.limiter.by_hand.put(&limits.speeds);
            self.keep_speeds();
        }
        self.limit_anew();
        self.touch_collections();
        self.pump();
    }

    /// Speeds that were set by hand outlive the process. What can't be stored now holds until then.
    pub(super) fn keep_speeds(&mut self) {
        let ticket = self.db.keep(SPEEDS, &self.limiter.by_hand);
        self.answer_after(ticket);
    }

    /// Limits one download.
    pub(super) fn set_limit(&mut self, id: DownloadId, limit: Option<u64>) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.record.settings = Arc::new(TransferSettings { limit, ..item.record.settings.as_ref().clone() });
        self.limit_anew_one(id);
        self.touch(id);
        self.store(id);
    }
}

/// What the store keeps the speeds under that were set by hand.
pub(super) const SPEEDS: &str = "speeds";
