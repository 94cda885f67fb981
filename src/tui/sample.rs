//! Downloads for tests.

use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, Priority};
use crate::model::range::ByteRange;
use crate::model::state::{FailKind, Failure, State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::view::{CollectionRow, DownloadDetail, DownloadRow, Totals};

/// The moment in which samples are looked at: 2026-03-01 12:00:00 UTC.
pub(crate) const NOW: UnixMs = UnixMs(1_772_366_400_000);

/// A download that runs.
pub(crate) fn row(id: u64, name: &str) -> DownloadRow {
    DownloadRow {
        id: DownloadId(id),
        collection: CollectionId::DEFAULT,
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        order: id as f64,
        name: name.to_owned(),
        provisional: false,
        moved_to: None,
        host: "shop.tailspin.example".into(),
        mode: Mode::Background,
        priority: Priority::Normal,
        state: State::Downloading,
        size: Some(100_000_000),
        covered: 62_000_000,
        speed: 4_100_000,
        eta_secs: Some(9),
        added: UnixMs(NOW.0 - 1000 * i64::try_from(id).unwrap_or(0)),
        ended: None,
        joined_on_samples: false,
        remark: None,
    }
}

/// One download in each state, as in the drawings.
pub(crate) fn rows() -> Vec<DownloadRow> {
    let with = |id, name: &str, state, covered, size| {
        let mut row = row(id, name);
        (row.state, row.covered, row.size, row.speed, row.eta_secs) = (state, covered, size, 0, None);
        row
    };
    let mut delta = row(1, "Tailspin Orchestra – 03 Delta.flac");
    (delta.size, delta.covered, delta.eta_secs) = (Some(61_300_000), 38_000_000, Some(6));
    let mut concert = row(2, "Proseware Live – Concert in the Park (1080p).mp4");
    (concert.size, concert.covered, concert.speed, concert.eta_secs) =
        (Some(1_420_000_000), 440_000_000, 9_800_000, Some(102));
    let mut radio = row(3, "Northwind Radio – Episode 212.mp3");
    (radio.mode, radio.size, radio.covered, radio.speed, radio.eta_secs) =
        (Mode::RealTime, Some(48_000_000), 42_240_000, 4_500_000, Some(1));
    let mut ferry =
        with(6, "Tailspin Orchestra – 02 Ferry.flac", State::Completed, 58_800_000, Some(58_800_000));
    ferry.ended = Some(UnixMs(NOW.0 - 120_000));
    let gone = Failure {
        kind: FailKind::Gone,
        text: "gone: the server says 404".into(),
        hint: "Check the link".into(),
    };
    let asked = State::Waiting {
        why: WaitReason::HostAsked { host: "litware.example".into() },
        until: Some(UnixMs(NOW.0 + 42_000)),
    };
    let mut trailer = with(7, "Fabrikam – Trailer.webm", State::Failed(gone), 14_700_000, Some(210_000_000));
    trailer.ended = Some(UnixMs(NOW.0 - 60_000));
    vec![
        delta,
        concert,
        radio,
        with(4, "Contoso Archive – disc 2.iso", State::Paused, 525_000_000, Some(4_380_000_000)),
        with(5, "Litware – Field Recordings.opus", asked, 10_300_000, Some(22_900_000)),
        ferry,
        trailer,
        with(8, "Wingtip – Mixtape.zip", State::Cancelled, 0, Some(1_100_000_000)),
        with(9, "stream.bin", State::Queued, 5_000_000, None),
    ]
}

/// The details of a download.
pub(crate) fn detail(row: &DownloadRow) -> DownloadDetail {
    let range = |start: u64, end: u64| ByteRange::new(start * 1_000_000, end * 1_000_000);
    DownloadDetail {
        row: row.clone(),
        uuid: uuid::Uuid::nil(),
        source_url: "https://shop.tailspin.example/a/03-delta.flac".into(),
        final_url: Some("https://cdn4.tailspin.example/03-delta.flac?sig=…".into()),
        path: format!("/home/me/Music/Tailspin Orchestra/{}", row.name),
        part: None,
        remote: Some("203.0.113.9:443".into()),
        etag: Some("\"9f2c-5d1\"".into()),
        last_modified: None,
        checksum: Some("sha-256:9f2c".into()),
        coverage: [range(0, 14), range(16, 25), range(31, 39), range(46, 53)].into_iter().flatten().collect(),
        segments: [range(14, 16), range(25, 31), range(39, 46), range(53, 61)]
            .into_iter()
            .flatten()
            .collect(),
        safe: 38_000_000,
        checkpointed: Some(UnixMs(NOW.0 - 400)),
        attempts: 0,
        received: 38_000_000,
        limit: None,
        shared_limits: Vec::new(),
        connections: None,
        proxy: None,
        interface: None,
        preset: None,
        page: None,
        set_aside: Vec::new(),
        info: [("Artist", "Tailspin Orchestra"), ("Album", "Harbour Lights"), ("Distributor", "Tailspin")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        events: Vec::new(),
        leave: None,
        politeness: None,
    }
}

/// Collections that fit.
pub(crate) fn collections(rows: &[DownloadRow]) -> Vec<CollectionRow> {
    let named = |id, name: &str| CollectionRow {
        id: CollectionId(id),
        name: name.into(),
        held: false,
        held_until: None,
        counts: rows.iter().filter(|row| row.collection.0 == id).fold(
            std::collections::BTreeMap::new(),
            |mut counts, row| {
                *counts.entry(row.state.kind()).or_default() += 1;
                counts
            },
        ),
        settings: crate::model::record::CollectionSettings::default(),
    };
    vec![named(1, "default"), named(2, "Proseware")]
}

/// A first update with these downloads.
pub(crate) fn update(rows: Vec<DownloadRow>) -> Update {
    let mut totals = Totals {
        speed: 18_400_000,
        left: 7_300_000_000,
        size: 9_400_000_000,
        eta_secs: Some(9_120),
        ..Totals::default()
    };
    for row in &rows {
        *totals.counts.entry(row.state.kind()).or_default() += 1;
    }
    debug_assert!(totals.counts.len() <= StateKind::ALL.len());
    Update {
        revision: 1,
        collections: Some(collections(&rows)),
        rows,
        totals: Some(totals),
        ..Update::default()
    }
}
