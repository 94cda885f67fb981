//! The built-in shop, as the program itself sees it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use haul::demo::Shop;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::machine::Machine;

fn link(shop: &Shop, name: &str) -> String {
    shop.links().find(|(_, sold)| *sold == name).unwrap().0.to_string()
}

#[test]
fn what_the_shop_sells_arrives_under_the_name_that_it_gives() {
    let (shop, machine) = (Shop::open().unwrap(), Machine::new());
    let name = "Tailspin Orchestra – 02 Ferry.flac";
    let outcome = machine.get(&[link(&shop, name)]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names(), [name]);
    let file = std::fs::read(machine.file(name)).unwrap();
    assert!(file.starts_with(b"fLaC") && file.len() > 10_000_000, "{} bytes", file.len());
}

#[test]
fn what_the_shop_no_longer_has_fails() {
    let (shop, machine) = (Shop::open().unwrap(), Machine::new());
    let outcome = machine.get(&[link(&shop, "Fabrikam – Trailer.webm")]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("404"), "{}", outcome.told());
}

#[test]
fn the_shop_alone_tells_its_links_and_closes_on_ctrl_c() {
    let mut haul = Command::new(env!("CARGO_BIN_EXE_haul"))
        .args(["demo", "--serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(haul.stdout.take().unwrap()).lines();
    let first = told.next().unwrap().unwrap();
    let (link, name) = first.split_once('\t').unwrap();
    assert!(link.starts_with("http://127.0.0.1:"), "{first}");
    assert!(name.starts_with("out="), "{first}");
    kill_process(Pid::from_child(&haul), Signal::INT).unwrap();
    assert!(haul.wait().unwrap().success());
    assert!(told.count() > 10);
}
