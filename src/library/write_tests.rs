//! Every kind of file takes values and keeps the rest; what would not is left alone.

use std::path::PathBuf;

use super::super::read::read;
use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

fn all() -> Info {
    [
        (Field::Distributor, "Proseware ☂"),
        (Field::Title, "Neu"),
        (Field::Artist, "Wer"),
        (Field::AlbumArtist, "Alle"),
        (Field::Album, "Platte"),
        (Field::Track, "7/9"),
        (Field::Disc, "2"),
        (Field::Genre, "Jazz"),
        (Field::Date, "2011"),
        (Field::Provider, "Wingtip"),
    ]
    .map(|(field, text)| (field, text.to_owned()))
    .into()
}

/// The bytes of sound and pictures of a file, as they stand in it.
fn streams(bytes: &[u8], name: &str) -> Vec<u8> {
    let be = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let le = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    match name.rsplit('.').next().unwrap() {
        "mp3" => {
            let digits = bytes[6..10].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
            bytes[10 + digits..].iter().copied().skip_while(|byte| *byte == 0).collect()
        }
        "flac" => {
            let mut at = 4;
            loop {
                let is_last = bytes[at] & 0x80 != 0;
                at += 4 + (be(at) & 0xff_ffff);
                if is_last {
                    return bytes[at..].to_vec();
                }
            }
        }
        // Pages are numbered and summed anew; what is in those that hold sound is not.
        "ogg" | "opus" => {
            let (mut at, mut sound) = (0, Vec::new());
            while at < bytes.len() {
                let count = usize::from(bytes[at + 26]);
                let lengths = &bytes[at + 27..at + 27 + count];
                let size: usize = lengths.iter().map(|length| usize::from(*length)).sum();
                let begin = at + 27 + count;
                if bytes[at + 6..at + 14] != [0; 8] {
                    sound.extend_from_slice(&bytes[begin..begin + size]);
                }
                at = begin + size;
            }
            sound
        }
        "wav" | "aiff" => {
            let mut at = 12;
            loop {
                let (id, size) =
                    (&bytes[at..at + 4], if name.ends_with("wav") { le(at + 4) } else { be(at + 4) });
                if id == b"data" || id == b"SSND" {
                    return bytes[at + 8..at + 8 + size].to_vec();
                }
                at += 8 + size + size % 2;
            }
        }
        "m4a" | "mp4" => {
            let mut at = 0;
            loop {
                if &bytes[at + 4..at + 8] == b"mdat" {
                    return bytes[at + 8..at + be(at)].to_vec();
                }
                at += be(at);
            }
        }
        "ape" => {
            let end = bytes.windows(8).position(|eight| eight == b"APETAGEX").unwrap();
            bytes[..end].to_vec()
        }
        other => panic!("{other}"),
    }
}

/// Takes every tag out of a file.
fn bare(path: &Path) {
    use lofty::file::TaggedFileExt as _;
    let kinds: Vec<_> =
        lofty::read_from_path(path).unwrap().tags().iter().map(lofty::tag::Tag::tag_type).collect();
    for kind in kinds {
        kind.remove_from_path(path, WriteOptions::new()).unwrap();
    }
}

#[test]
fn every_format_takes_values_and_keeps_what_sounds() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "id3v23.mp3",
        "id3v24.mp3",
        "plain.flac",
        "vorbis.ogg",
        "sound.opus",
        "freeform.m4a",
        "xtra.mp4",
        "id3.wav",
        "id3.aiff",
        "tagged.ape",
    ] {
        let copy = folder.path().join(name);
        std::fs::copy(fixture(name), &copy).unwrap();
        bare(&copy);
        let before = read(&copy, None).unwrap();
        let lacking: Info = all().into_iter().filter(|(field, _)| !before.info.contains_key(field)).collect();
        assert!(lacking.len() >= 9, "{name}: {:?}", before.info);
        write(&copy, &lacking).unwrap_or_else(|why| panic!("{name}: {why}"));
        let after = read(&copy, None).unwrap();
        for (field, text) in lacking {
            let now = after.info.get(&field).map_or("", String::as_str);
            let is_number = matches!(field, Field::Track | Field::Disc);
            let is = if is_number { leading_number(now) == leading_number(&text) } else { now == text };
            assert!(is, "{name}: {} is {now:?}", field.word());
        }
        let length = |facts: &crate::model::media::MediaFacts| facts.info.get(&Field::Duration).cloned();
        assert_eq!(
            (&after.format, after.frame, after.has_cover, length(&after)),
            (&before.format, before.frame, before.has_cover, length(&before)),
            "{name}"
        );
        let bytes = |path: &Path| std::fs::read(path).unwrap();
        assert_eq!(streams(&bytes(&copy), name), streams(&bytes(&fixture(name)), name), "{name}");
    }
}

#[test]
fn what_a_tag_held_beside_stays() {
    let folder = tempfile::tempdir().unwrap();
    for (name, what) in [
        ("id3v23.mp3", &b"WM/Provider"[..]),
        ("xtra.mp4", b"Xtra"),
        ("plain.flac", b"CONTENTDISTRIBUTOR=Tailspin Records"),
    ] {
        let copy = folder.path().join(name);
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        // It has everything: its genre becomes who encoded it.
        if let Some(at) = bytes.windows(4).position(|four| four == b"TCON").filter(|_| name == "id3v23.mp3") {
            bytes[at..at + 4].copy_from_slice(b"TENC");
        }
        std::fs::write(&copy, bytes).unwrap();
        let has = |path: &Path| std::fs::read(path).unwrap().windows(what.len()).any(|part| part == what);
        let before = has(&copy);
        let known = read(&copy, None).unwrap().info;
        let lacks = [
            Field::Disc,
            Field::Genre,
            Field::Provider,
            Field::Date,
            Field::AlbumArtist,
            Field::Artist,
            Field::Track,
        ];
        let lacking = *lacks.iter().find(|field| !known.contains_key(field)).unwrap();
        let text = match lacking {
            Field::Disc | Field::Track => "2",
            Field::Date => "2011",
            _ => "Wingtip",
        };
        write(&copy, &[(lacking, text.to_owned())].into()).unwrap();
        assert_eq!(has(&copy), before, "{name}");
        let after = read(&copy, None).unwrap().info;
        assert_eq!(after[&lacking], text, "{name}");
        assert!(known.iter().all(|(field, text)| after.get(field) == Some(text)), "{name}: {after:?}");
    }
    // Players that know only the older version go on reading it.
    assert_eq!(std::fs::read(folder.path().join("id3v23.mp3")).unwrap()[3], 3);
}

#[test]
fn sound_that_had_no_tag_takes_one_and_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("sound.aac", "Advanced Audio Coding"), ("sound.mp2", "MPEG-1/2 Audio Layer 2")] {
        let copy = folder.path().join(name);
        std::fs::copy(fixture(name), &copy).unwrap();
        let before = read(&copy, None).unwrap();
        assert_eq!(before.format, format);
        // Once where there is no tag, and once where there is.
        for field in [Field::Distributor, Field::Provider] {
            write(&copy, &[(field, "Wingtip".to_owned())].into()).unwrap();
            let after = read(&copy, None).unwrap();
            assert_eq!(after.format, format);
            assert_eq!(after.info[&field], "Wingtip");
            let millis = |info: &Info| info[&Field::Duration].parse::<i64>().unwrap();
            let (was, is) = (millis(&before.info), millis(&after.info));
            assert!(is > 900 && (was - is).abs() < 50, "{name}: {was} and {is}");
        }
    }
}

#[test]
fn a_wav_file_says_who_sold_it_where_everybody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("id3.wav");
    std::fs::copy(fixture("id3.wav"), &copy).unwrap();
    bare(&copy);
    write(&copy, &all()).unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    let has = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    assert!(has(b"TXXX") && !has(b"PRIV"));
    let after = read(&copy, None).unwrap().info;
    assert_eq!(
        (after[&Field::Distributor].as_str(), after[&Field::Provider].as_str()),
        ("Proseware ☂", "Wingtip")
    );
}

#[test]
fn a_film_of_any_size_takes_values() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let bytes = std::fs::read(fixture("xtra.mp4")).unwrap();
    // More than is held in memory, and nothing of it on the disk.
    let more = 300_u64 << 20;
    let head = [&1_u32.to_be_bytes()[..], b"free", &more.to_be_bytes()].concat();
    std::fs::write(&film, [&bytes[..], &head].concat()).unwrap();
    let size = bytes.len() as u64 + more;
    File::options().append(true).open(&film).unwrap().set_len(size).unwrap();
    write(&film, &[(Field::Provider, "Wingtip".to_owned())].into()).unwrap();
    let after = read(&film, None).unwrap();
    assert_eq!(after.info[&Field::Provider], "Wingtip");
    assert_eq!(after.info[&Field::Distributor], "Tailspin Records");
    assert!(after.file.size >= size && after.file.size < size + 10_000, "{}", after.file.size);
}

#[test]
fn a_tag_of_the_older_version_takes_a_date() {
    let folder = tempfile::tempdir().unwrap();
    let sound = streams(&std::fs::read(fixture("id3v24.mp3")).unwrap(), "x.mp3");
    for (date, kept) in [("2011", "2011"), ("2011-05-12", "2011-05-12"), ("2011-05", "2011")] {
        let copy = folder.path().join("x.mp3");
        let frame = b"TIT2\0\0\0\x02\0\0\0T";
        std::fs::write(&copy, [&b"ID3\x03\0\0\0\0\0\x0c"[..], frame, &sound].concat()).unwrap();
        write(&copy, &[(Field::Date, date.to_owned())].into()).unwrap();
        let bytes = std::fs::read(&copy).unwrap();
        assert_eq!(bytes[3], 3);
        assert!(bytes.windows(4).any(|name| name == b"TYER"));
        assert_eq!(
            read(&copy, None).unwrap().info.get(&Field::Date).map(String::as_str),
            Some(kept),
            "{date}"
        );
    }
}

#[test]
fn what_can_not_be_written_is_left_alone_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, told) in [("film.ogv", "can't be written"), ("cover.png", "can't be written")] {
        let copy = folder.path().join(name);
        std::fs::copy(fixture(name), &copy).unwrap();
        let why = write(&copy, &all()).unwrap_err();
        assert!(why.contains(told), "{name}: {why}");
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(fixture(name)).unwrap());
    }
}

#[test]
fn what_lofty_would_not_keep_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    // Vorbis comments of a FLAC file, put in by hand: in the place of a comment of the same length.
    let put = |name: &str, from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let copy = folder.path().join(name);
        let mut bytes = std::fs::read(fixture("plain.flac")).unwrap();
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to);
        std::fs::write(&copy, bytes).unwrap();
        copy
    };
    let artist = b"CONTENTDISTRIBUTOR=Tailspin Records";
    let number = put("number.flac", artist, b"TRACKNUMBER=03/12                  ");
    write(&number, &[(Field::Provider, "Wingtip".to_owned())].into()).unwrap();
    let has =
        |path: &Path, what: &[u8]| std::fs::read(path).unwrap().windows(what.len()).any(|part| part == what);
    assert!(has(&number, b"TRACKNUMBER=03/12   "), "it stays as it was written");
    let broken = put("broken.flac", artist, b"CONTENTDISTRIBUTOR=Tailsp\xff\xfe Records");
    let before = std::fs::read(&broken).unwrap();
    let written = write(&broken, &[(Field::Provider, "Wingtip".to_owned())].into());
    assert!(written.is_err() || has(&broken, b"Tailsp\xff\xfe Records"));
    assert!(written.is_err() || std::fs::read(&broken).unwrap() != before);
}

#[test]
fn what_lofty_would_read_as_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let copy = folder.path().join(name);
        std::fs::write(&copy, bytes).unwrap();
        let why = write(&copy, &[(Field::Provider, "Wingtip".to_owned())].into()).unwrap_err();
        assert_eq!(why, NOT_AS_IT_IS, "{name}");
        assert!(std::fs::read(&copy).unwrap() == bytes, "{name}");
    };
    // Two artists in frames of their own, in place of another frame.
    let mut bytes = std::fs::read(fixture("id3v24.mp3")).unwrap();
    let place = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what).unwrap();
    let at = place(&bytes, b"TALB");
    bytes[at..at + 4].copy_from_slice(b"TPE1");
    refused("twice.mp3", &bytes);
    // Another stream behind the first.
    let bytes = std::fs::read(fixture("vorbis.ogg")).unwrap();
    refused("chained.ogg", &bytes.repeat(2));
    // An item without a value.
    let mut bytes = std::fs::read(fixture("freeform.m4a")).unwrap();
    let at = place(&bytes, b"\xa9too");
    let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap());
    // It becomes one without anything in it, and a gap behind that.
    assert!(size > 16);
    bytes[at - 4..at + 4].copy_from_slice(b"\0\0\0\x08\xa9grp");
    bytes[at + 4..at + 8].copy_from_slice(&(size - 8).to_be_bytes());
    bytes[at + 8..at + 12].copy_from_slice(b"free");
    refused("empty.m4a", &bytes);
}

#[test]
fn a_film_in_fragments_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("fragments.mp4");
    let mut bytes = std::fs::read(fixture("xtra.mp4")).unwrap();
    bytes.extend(b"\0\0\0\x10moof\0\0\0\x08mfhd");
    std::fs::write(&copy, &bytes).unwrap();
    let why = write(&copy, &all()).unwrap_err();
    assert!(why.contains("fragments"), "{why}");
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
}

#[test]
fn files_that_lie_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["id3v23.mp3", "plain.flac", "vorbis.ogg", "freeform.m4a", "id3.wav", "tagged.ape", "film.mkv"]
    {
        let whole = std::fs::read(fixture(name)).unwrap();
        let copy = folder.path().join(name);
        for at in (0..whole.len().min(700)).step_by(13) {
            let mut bytes = whole.clone();
            let end = (at + 4).min(bytes.len());
            bytes[at..end].fill(0xff);
            std::fs::write(&copy, &bytes).unwrap();
            // Whether it can be written is the file's own affair; nothing panics, and nothing grows without end.
            let _ = write(&copy, &all());
            assert!(std::fs::metadata(&copy).unwrap().len() < 1 << 20, "{name} at {at}");
        }
    }
}
