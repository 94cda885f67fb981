//! haul: a terminal download console. Downloads that resume without a wrong byte.
//!
//! # The house
//!
//! | Part | What it is | May name |
//! | --- | --- | --- |
//! | [`model`] | nouns: ids, ranges, coverage, states, records, requests, views | nobody |
//! | [`kernel`] | decisions, pure, time is an argument: what an answer means, whether a file is the same, who is next | `model` |
//! | [`store`] | durability: the database, part files and their notes, the way of a part to its name | `model` |
//! | [`fetch`] | the network: one GET, redirects, trust, names, digests, Metalink | `model` |
//! | [`library`] | finished media: what a file is and what its tags say, read in a process of its own | `model` |
//! | [`sys`] | what the system offers and no crate does safely: the only `unsafe` | nobody |
//! | [`engine`] | the shell that runs the kernel: one thread of state, transfer threads, checkpointer, publisher, governor | all of the above |
//! | [`protocol`] | messages between engine and clients, one a line, and how a stream is cut into them | `model` |
//! | [`agent`] | the process that owns the engine: socket, sessions of clients, start and stop | `model`, `engine`, `protocol`, `config`, `sys` |
//! | [`door`] | HTTP and WebSocket for web pages, in front of the agent's sessions | `model`, `engine`, `protocol`, `config`, `agent` |
//! | [`client`] | a client's end of a connection: socket, pipe or ssh | `model`, `protocol` |
//! | [`links`] | links as people give them: lists, pages, copied commands, ranges | `model` |
//! | [`demo`] | the built-in shop, and what a session with it shows | `model`, `client` |
//! | [`command`] | the one table of commands: names, keys, and why each can't act now | `model` |
//! | [`config`] | what a person sets: the file and its checks, presets, host rules, themes, keys | `model`, `command` |
//! | [`cli`] | subcommands and their output | `model`, `client`, `config`, `links` |
//! | [`tui`] | the full screen | `model`, `client`, `links`, `config`, `command` |
//!
//! `main` and its `wiring` put them together, and may name all. A test below holds every file to this table.
//!
//! # The way of a byte
//!
//! A transfer thread reads it from the socket and writes it to its place in `NAME.part`, then notes the write in
//! `NAME.part.haul`: offset, length, checksum. Nothing in between copies it, queues it or takes a lock. Once a second the
//! engine asks each background transfer for a copy of its coverage; the checkpointer syncs the part and then commits the copy.
//! So a kill costs one write, and a power cut costs a second. When all bytes are there the sums are compared, the publisher
//! syncs the file, commits the intent to name it, renames it without replacing anything, syncs the folder and commits the end.
//!
//! # The rule
//!
//! New bytes are joined to old ones only with proof that both are of one version ([`kernel::identity`]), or after samples
//! of the old ones were fetched again and found equal, and then the download says so for good. An answer that can't be placed is
//! compared with the disk or set apart; it is never appended.

pub mod agent;
pub mod cli;
pub mod client;
pub mod command;
pub mod config;
pub mod demo;
pub mod door;
pub mod engine;
pub mod fetch;
pub mod kernel;
pub mod library;
pub mod links;
pub mod model;
pub mod protocol;
pub mod store;
pub mod sys;
pub mod tui;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Who may name whom. A part may always name itself.
    const DIRECTIONS: &[(&str, &[&str])] = &[
        ("model", &[]),
        ("kernel", &["model"]),
        ("store", &["model"]),
        ("fetch", &["model"]),
        ("library", &["model"]),
        ("sys", &[]),
        ("engine", &["model", "kernel", "store", "fetch", "library", "sys"]),
        ("protocol", &["model"]),
        ("agent", &["model", "engine", "protocol", "config", "sys"]),
        ("door", &["model", "engine", "protocol", "config", "agent"]),
        ("client", &["model", "protocol"]),
        ("links", &["model"]),
        ("demo", &["model", "client"]),
        ("command", &["model"]),
        ("config", &["model", "command"]),
        ("cli", &["model", "client", "config", "links"]),
        ("tui", &["model", "client", "links", "config", "command"]),
    ];

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The parts of the crate that a source file names, by `crate::part`.
    fn named(text: &str) -> Vec<String> {
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        code.match_indices("crate::")
            .map(|(at, found)| {
                code[at + found.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
            })
            .collect()
    }

    #[test]
    fn every_file_keeps_to_the_directions() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut wrong = Vec::new();
        let mut seen = 0;
        for &(part, allowed) in DIRECTIONS {
            let mut found = Vec::new();
            files(&source.join(part), &mut found);
            seen += found.len();
            for file in found {
                for name in named(&std::fs::read_to_string(&file).unwrap()) {
                    let known = DIRECTIONS.iter().any(|(part, _)| *part == name);
                    if known && name != part && !allowed.contains(&name.as_str()) {
                        wrong.push(format!("{} names {name}", file.strip_prefix(&source).unwrap().display()));
                    }
                }
            }
        }
        assert!(seen > 50, "only {seen} files were looked at");
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn every_folder_is_in_the_table_and_every_file_says_what_it_is() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for entry in std::fs::read_dir(&source).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "wiring" {
                continue;
            }
            assert!(DIRECTIONS.iter().any(|(part, _)| *part == name), "{name} has no place in the table");
        }
        let mut all = Vec::new();
        files(&source, &mut all);
        for file in all {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} doesn't begin with what it is", file.display());
        }
    }
}
