//! What the shop sells, and how each of its servers behaves. All of it is made up.

use std::io;

use super::body::{Body, Pattern, Tags, mixed};
use super::flac::Flac;
use super::wav::Wav;

/// One file.
#[derive(Debug)]
pub(super) struct Good {
    /// Host that a session sees.
    pub(super) host: &'static str,
    /// Path on it, as it stands in the link.
    pub(super) path: &'static str,
    /// Name that the server gives the file.
    pub(super) name: &'static str,
    /// What it is made of.
    pub(super) make: Make,
    /// Bytes a second on one connection.
    pub(super) speed: u64,
    /// How the server behaves.
    pub(super) manner: Manner,
}

/// What a file is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Make {
    /// Music of so many seconds.
    Flac(u32, Tags),
    /// Sound of so many seconds.
    Wav(u32, Tags),
    /// First bytes, and so many bytes in all.
    Other(&'static [u8], u64),
}

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Fair,
    /// It knows no ranges: who comes back begins at the front.
    NoRanges,
    /// It falls silent after so many bytes, on each connection.
    Stalls(u64),
    /// It drops the connection after so many bytes.
    Drops(u64),
    /// It says that the file is gone.
    Gone,
    /// It asks to be left alone for so many seconds, the first time.
    Busy(u64),
}

const MB: u64 = 1_000_000;
const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mdat";
const WEBM: &[u8] = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02";
const ZIP: &[u8] = b"PK\x03\x04";
const ISO: &[u8] = b"";

/// The files, each at the place that a session refers to.
pub(super) fn all() -> &'static [Good] {
    &GOODS
}

static GOODS: [Good; 16] = [
    tailspin(
        "/harbour-lights/01-harbour.flac",
        "Tailspin Orchestra – 01 Harbour.flac",
        "Harbour",
        1,
        96,
        8 * MB,
    ),
    tailspin("/harbour-lights/02-ferry.flac", "Tailspin Orchestra – 02 Ferry.flac", "Ferry", 2, 81, 6 * MB),
    tailspin("/harbour-lights/03-delta.flac", "Tailspin Orchestra – 03 Delta.flac", "Delta", 3, 252, MB),
    tailspin(
        "/harbour-lights/04-undertow.flac",
        "Tailspin Orchestra – 04 Undertow.flac",
        "Undertow",
        4,
        203,
        2 * MB,
    ),
    Good {
        host: "cdn.proseware.example",
        path: "/live/concert-1080p.mp4",
        name: "Proseware Live – Concert at the Mill (1080p).mp4",
        make: Make::Other(MP4, 320 * MB),
        speed: 2 * MB,
        manner: Manner::Fair,
    },
    Good {
        host: "cdn.proseware.example",
        path: "/live/encore.mp4",
        name: "Proseware Live – Encore.mp4",
        make: Make::Other(MP4, 90 * MB),
        speed: MB,
        manner: Manner::Drops(5 * MB),
    },
    Good {
        host: "cdn.proseware.example",
        path: "/live/interview.mp4",
        name: "Proseware Live – Interview.mp4",
        make: Make::Other(MP4, 48 * MB),
        speed: MB,
        manner: Manner::Fair,
    },
    Good {
        host: "radio.northwind.example",
        path: "/212.wav",
        name: "Northwind Radio – Episode 212.wav",
        make: Make::Wav(280, northwind("Episode 212", 212)),
        speed: 3 * MB / 2,
        manner: Manner::Fair,
    },
    Good {
        host: "radio.northwind.example",
        path: "/211.wav",
        name: "Northwind Radio – Episode 211.wav",
        make: Make::Wav(60, northwind("Episode 211", 211)),
        speed: 9 * MB,
        manner: Manner::Fair,
    },
    Good {
        host: "mirror.contoso.example",
        path: "/archive/disc1.iso",
        name: "Contoso Archive – disc 1.iso",
        make: Make::Other(ISO, 650 * MB),
        speed: 4 * MB,
        manner: Manner::Fair,
    },
    Good {
        host: "mirror.contoso.example",
        path: "/archive/disc2.iso",
        name: "Contoso Archive – disc 2.iso",
        make: Make::Other(ISO, 412 * MB),
        speed: 6 * MB,
        manner: Manner::Fair,
    },
    Good {
        host: "files.litware.example",
        path: "/field/rain.wav",
        name: "Litware – Field Recordings, Rain.wav",
        make: Make::Wav(130, litware("Rain", 1)),
        speed: 2 * MB,
        manner: Manner::Busy(42),
    },
    Good {
        host: "old.litware.example",
        path: "/field/night-trains.wav",
        name: "Litware – Field Recordings, Night Trains.wav",
        make: Make::Wav(200, litware("Night Trains", 2)),
        speed: MB,
        manner: Manner::NoRanges,
    },
    Good {
        host: "trailers.fabrikam.example",
        path: "/trailer.webm",
        name: "Fabrikam – Trailer.webm",
        make: Make::Other(WEBM, 210 * MB),
        speed: MB,
        manner: Manner::Gone,
    },
    Good {
        host: "get.wingtip.example",
        path: "/mixtape.zip",
        name: "Wingtip – Mixtape.zip",
        make: Make::Other(ZIP, 110 * MB),
        speed: 4 * MB,
        manner: Manner::Fair,
    },
    Good {
        host: "get.wingtip.example",
        path: "/samples.zip",
        name: "Wingtip – Samples.zip",
        make: Make::Other(ZIP, 75 * MB),
        speed: 3 * MB,
        manner: Manner::Stalls(6 * MB),
    },
];

impl Good {
    /// Returns the file's bytes.
    ///
    /// # Errors
    /// Its tags can't be written.
    pub(super) fn body(&self) -> io::Result<Body> {
        let seed = self.path.bytes().fold(self.host.len() as u64, |seed, byte| mixed(seed ^ u64::from(byte)));
        Ok(match self.make {
            Make::Flac(seconds, tags) => Body::Flac(Flac::new(seed, seconds, &tags)?),
            Make::Wav(seconds, tags) => Body::Wav(Wav::new(seed, seconds, &tags)?),
            Make::Other(head, len) => Body::Pattern(Pattern { head, seed, len }),
        })
    }

    /// Returns the media type.
    pub(super) fn kind(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("flac") => "audio/flac",
            Some("wav") => "audio/wav",
            Some("mp4") => "video/mp4",
            Some("webm") => "video/webm",
            Some("zip") => "application/zip",
            _ => "application/octet-stream",
        }
    }
}

const fn tailspin(
    path: &'static str,
    name: &'static str,
    title: &'static str,
    track: u32,
    seconds: u32,
    speed: u64,
) -> Good {
    let tags = Tags {
        distributor: "Tailspin",
        artist: "Tailspin Orchestra",
        album: "Harbour Lights",
        title,
        track,
        genre: "Ambient",
    };
    let make = Make::Flac(seconds, tags);
    Good { host: "shop.tailspin.example", path, name, make, speed, manner: Manner::Fair }
}

const fn northwind(title: &'static str, track: u32) -> Tags {
    Tags {
        distributor: "Northwind",
        artist: "Northwind Radio",
        album: "Season 9",
        title,
        track,
        genre: "Podcast",
    }
}

const fn litware(title: &'static str, track: u32) -> Tags {
    Tags {
        distributor: "Litware",
        artist: "Litware",
        album: "Field Recordings",
        title,
        track,
        genre: "Field",
    }
}
