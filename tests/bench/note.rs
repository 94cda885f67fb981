//! What the note costs: a checksum over the data and one small write for each write of a transfer.

use criterion::{Criterion, Throughput};
use haul::model::coverage::Coverage;
use haul::model::id::{DownloadId, Generation};
use haul::model::item::Taken;
use haul::model::validators::Validators;
use haul::store::note::{NoteHeader, NoteWriter};
use haul::store::part::Part;
use uuid::Uuid;

fn header() -> NoteHeader {
    NoteHeader {
        uuid: Uuid::nil(),
        id: DownloadId(1),
        generation: Generation(1),
        source_url: "https://example.org/file.iso".into(),
        size: None,
        validators: Validators::default(),
        name: "file.iso".into(),
        safe: Coverage::new(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("note");
    for kib in [16, 256] {
        let data = vec![7; kib << 10];
        let (part, _) = Part::create(folder.path(), &format!("{kib}"), Taken::Number, Uuid::nil())?;
        let mut note = NoteWriter::new(&part, header());
        let mut at = 0;
        let mut failed = None;
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_function(format!("a record of {kib} KiB"), |bencher| {
            bencher.iter(|| {
                if let Err(error) = note.noted(at, &data) {
                    failed = Some(error);
                }
                // As after a checkpoint: the ring never fills.
                note.mark();
                at += data.len() as u64;
            });
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
