//! What goes into the store comes out again, in order, once, and from a store that is whole.

use super::*;
use crate::model::coverage::Coverage;
use crate::model::id::Generation;
use crate::model::item::Extras;
use crate::model::state::{FailKind, Failure, WaitReason};
use crate::store::db::FILE;
use crate::store::error::StoreKind;

fn record(id: u64) -> DownloadRecord {
    DownloadRecord {
        id: DownloadId(id),
        uuid: Uuid::from_u128(u128::from(id)),
        collection: CollectionId::DEFAULT,
        order: 1.5,
        source_url: Url::parse("https://h.example/a?b=c").unwrap(),
        folder: Arc::new(PathBuf::from("/tmp/x")),
        name: format!("file {id}"),
        name_is_final: true,
        name_is_given: false,
        mode: Mode::Background,
        priority: Priority::High,
        state: State::Queued,
        added: UnixMs(5),
        ended: None,
        size: Some(7),
        attempts: 2,
        dry_since: Some(UnixMs(3)),
        joined_on_samples: false,
        settings: Arc::default(),
        extras: None,
        checkpoint: None,
    }
}

fn open(state: &std::path::Path) -> (Db, crate::store::db::Opened) {
    Db::open(state, "2026-01-01T000000Z", None).unwrap()
}

#[test]
fn everything_comes_back_as_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let failed = Failure { kind: FailKind::Gone, text: "gone".into(), hint: "look".into() };
    let waiting = State::Waiting { why: WaitReason::LoginPage, until: Some(UnixMs(9)) };
    let checkpoint =
        Checkpoint { part: "a.part".into(), inode: 3, safe: Coverage::prefix_of(9), ..Checkpoint::default() };
    let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/tmp/\xff\xfe".to_vec()));
    let settings = Arc::new(TransferSettings { limit: Some(10), ..TransferSettings::default() });
    let records = vec![
        record(1),
        DownloadRecord { state: State::Failed(failed), ended: Some(UnixMs(8)), ..record(2) },
        DownloadRecord { state: waiting, mode: Mode::RealTime, folder: Arc::new(odd), ..record(3) },
        DownloadRecord {
            checkpoint: Some(Box::new(checkpoint)),
            settings,
            priority: Priority::Low,
            ..record(4)
        },
        DownloadRecord {
            extras: Some(Box::new(Extras { size: Some(4), ..Extras::default() })),
            state: State::Completed,
            ..record(5)
        },
    ];
    let (db, _) = open(folder.path());
    db.insert(records.clone()).wait().unwrap();
    drop(db);
    let (_, opened) = open(folder.path());
    assert_eq!(opened.loaded.downloads, records);
    assert_eq!(opened.loaded.last_download, 5);
    assert!(opened.damaged.is_none());
}

#[test]
fn what_ran_is_in_line_again() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = open(folder.path());
    db.insert(vec![DownloadRecord { state: State::Downloading, ..record(1) }]).wait().unwrap();
    drop(db);
    assert_eq!(open(folder.path()).1.loaded.downloads[0].state, State::Queued);
}

#[test]
fn what_was_decided_first_and_comes_last_undoes_nothing() {
    let generation = |number| {
        let safe = Coverage::prefix_of(7 - u64::from(number));
        Box::new(Checkpoint { generation: Generation(number), safe, ..Checkpoint::default() })
    };
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = open(folder.path());
    db.insert((1..=4).map(record).collect()).wait().unwrap();
    let (early, late) = (db.stamp(), db.stamp());
    let put = |stamp, id, generation| {
        db.checkpoint(Durability::Relaxed, stamp, DownloadId(id), generation).wait().unwrap();
    };
    let update = |stamp, record: DownloadRecord, with_checkpoint| {
        db.update(stamp, Box::new(record), with_checkpoint).wait().unwrap();
    };
    // A copy of the old version, held up by its sync.
    put(late, 1, generation(2));
    put(early, 1, generation(1));
    // A change of a running download says nothing of what is on disk, and holds no copy up.
    put(early, 2, generation(1));
    update(late, DownloadRecord { priority: Priority::Low, ..record(2) }, false);
    put(early, 2, generation(1));
    // What is gone stays gone, and what ended stays ended.
    db.remove(vec![DownloadId(3)]).wait().unwrap();
    update(late, record(3), true);
    let completed = Completed {
        id: DownloadId(4),
        folder: None,
        name: "whole".into(),
        size: 7,
        ended: UnixMs(9),
        kept: None,
        shelve: None,
        hook: None,
    };
    db.end_publish(vec![completed], Vec::new(), 9).wait().unwrap();
    update(late, DownloadRecord { state: State::Processing, ..record(4) }, true);
    put(late, 4, generation(1));
    drop(db);
    let (_, opened) = open(folder.path());
    let found = |id: u64| opened.loaded.downloads.iter().find(|record| record.id == DownloadId(id));
    assert_eq!(found(1).unwrap().checkpoint, Some(generation(2)));
    assert_eq!(found(2).unwrap().checkpoint, Some(generation(1)));
    assert_eq!(found(2).unwrap().priority, Priority::Low);
    assert_eq!(found(3), None);
    assert_eq!((&found(4).unwrap().state, &found(4).unwrap().checkpoint), (&State::Completed, &None));
}

#[test]
fn numbers_are_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = open(folder.path());
    db.insert(vec![record(41)]).wait().unwrap();
    db.remove(vec![DownloadId(41)]).wait().unwrap();
    drop(db);
    let (_, opened) = open(folder.path());
    assert!(opened.loaded.downloads.is_empty());
    assert_eq!(opened.loaded.last_download, 41);
}

#[test]
fn one_bad_job_of_a_group_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = open(folder.path());
    // The first job keeps the writer busy, so that the others come together.
    let slow = db.write(Durability::Relaxed, Box::new(|db| db.execute_batch("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 300000) SELECT max(x) FROM c")));
    let good = db.insert(vec![record(1)]);
    let bad = db.write(
        Durability::Durable,
        Box::new(|db| db.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)),
    );
    let also_good = db.insert(vec![record(2)]);
    assert!(slow.wait().is_ok() && good.wait().is_ok() && bad.wait().is_err() && also_good.wait().is_ok());
    drop(db);
    assert_eq!(open(folder.path()).1.loaded.downloads.len(), 2);
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let path = folder.path().join(FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Db::open(folder.path(), "x", None).err().unwrap();
    assert_eq!(error.kind, StoreKind::Newer);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_store_is_set_aside_under_its_date() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 4] = [
        ("garbage", |path| std::fs::write(path, vec![7; 8192]).unwrap()),
        ("zeros", |path| std::fs::write(path, vec![0; 8192]).unwrap()),
        ("cut", |path| {
            std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(5000).unwrap();
        }),
        ("no tables", |path| {
            let db = Connection::open(path).unwrap();
            db.execute_batch("DROP TABLE downloads").unwrap();
        }),
    ];
    for (damage, do_it) in damages {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = open(folder.path());
        db.insert((1..200).map(record).collect()).wait().unwrap();
        drop(db);
        do_it(&folder.path().join(FILE));
        let (db, opened) = open(folder.path());
        let aside = opened.damaged.unwrap_or_else(|| panic!("{damage}: not noticed"));
        assert!(aside.ends_with("haul.db.damaged-2026-01-01T000000Z") && aside.exists(), "{damage}");
        db.insert(vec![record(1)]).wait().unwrap();
    }
}

#[test]
fn history_is_capped_and_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = open(folder.path());
    let line = |n: i64| HistoryLine {
        number: 0,
        at: UnixMs(n),
        id: DownloadId(1),
        name: "a".into(),
        what: "completed".into(),
        text: "done".into(),
        place: None,
        secs: None,
    };
    db.tell((0..30).map(line).collect(), 10).wait().unwrap();
    let lines = db.history(100, None).unwrap();
    assert_eq!((lines.len(), lines[0].at, lines[9].at), (10, UnixMs(29), UnixMs(20)));
    assert_eq!(db.history(1, Some(lines[0].number)).unwrap()[0].at, UnixMs(28));
}
