//! The stories: what servers, networks and kills do to a download, and what must come of it. One TOML file each.

use std::path::{Path, PathBuf};

use crate::support::story::play;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stories")
}

/// Makes a test of each story, so that each runs, fails and is asked for by its name.
macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            play(&folder().join(concat!(stringify!($name), ".toml")));
        })*

        #[test]
        fn every_story_is_told() {
            let mut told = vec![$(stringify!($name).to_owned()),*];
            let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
            let mut written: Vec<_> =
                files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
            told.sort();
            written.sort();
            assert_eq!(told, written);
        }
    };
}

stories! {
    killed_and_resumed
    other_file_answered_with_all
    range_answered_with_all
    ranges_in_pieces
    ranges_that_lie
    same_bytes_with_a_rotated_tag
    servers_that_disagree
    swapped_under_several_connections
    swapped_with_new_validators
    swapped_without_validators
    total_that_changes
    two_bytes_differ
    two_versions_in_one_second
    validators_of_every_strength
}
