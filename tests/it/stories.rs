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
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
            let mut written: Vec<_> =
                files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
            told.sort();
            written.sort();
            assert_eq!(told, written);
        }
    };
}

stories! {
    accept_ranges_lies
    already_whole
    asks_for_no_wait
    asks_to_wait
    asks_to_wait_for_ever
    chunks
    connection_that_is_gone
    date_that_changes
    digests_and_checksums
    encoded_bodies
    ends_early
    expired_link
    from_https_to_http
    given_up_and_asked_anew
    headers_of_every_kind
    headers_without_end
    killed_and_resumed
    larger_than_the_disk
    lengths_that_lie
    link_to_refresh
    login_page
    more_than_was_announced
    names_from_servers
    nobody_answers
    one_of_several_connections_stalls
    only_one_connection_at_once
    other_file_answered_with_all
    part_spoilt_by_a_power_cut
    parts_that_bring_nothing
    part_taken_away
    range_answered_with_all
    ranges_in_pieces
    ranges_refused
    ranges_that_lie
    redirects
    redirects_that_lead_nowhere
    refused_for_good
    same_bytes_with_a_rotated_tag
    secrets_stay_at_home
    servers_that_disagree
    sizes_no_longer_told
    stalls
    strange_statuses
    swapped_under_several_connections
    swapped_with_new_validators
    swapped_without_validators
    third_connection_refused
    tags_that_never_agree
    total_that_changes
    trouble_without_end
    two_bytes_differ
    two_versions_in_one_second
    unknown_lengths
    validators_of_every_strength
    web_page
}
