//! A background download on a machine whose disk others wait for: it takes less, says so, and goes on where that helps nobody.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{HOME, LINE, Lab, is_asked_for, net};
use crate::support::machine::Machine;

/// Programs that write to the disk, one block after the other, until it is dropped.
struct Writers(Vec<Child>);

impl Writers {
    fn start(machine: &Machine, count: usize) -> Self {
        let write = |number: usize| {
            let file = format!("of={}", machine.root().join(format!("written{number}")).display());
            let words = ["if=/dev/zero", &file, "bs=4k", "count=1000000", "oflag=dsync", "conv=notrunc"];
            Command::new("dd").args(words).stderr(Stdio::null()).spawn().unwrap()
        };
        Self((0..count).map(write).collect())
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        for writer in &mut self.0 {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
    }
}

#[test]
fn while_others_wait_for_the_disk_it_takes_less_and_says_so() {
    if !net::is_possible() || !is_asked_for() {
        println!("HAUL_LAB=all measures it");
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut lab = Lab::new(HOME);
    lab.machine = Machine::with_agent().and_idle();
    lab.add(&[]);
    let doing = || {
        let shown = lab.machine.run(&["show", "1", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        shown["politeness"]["doing"].as_str().unwrap_or_default().to_owned()
    };
    let until = |is_so: &dyn Fn(&str) -> bool| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(40) {
            let said = doing();
            if is_so(&said) {
                return began.elapsed();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("it {} after 40 s", doing());
    };
    std::thread::sleep(Duration::from_secs(5));
    let alone = lab.share_of_last(Duration::from_secs(2));
    assert!(!doing().contains("wait for"), "it {}", doing());
    let writers = Writers::start(&lab.machine, 2);
    let after = until(&|said| said.contains("leaves the disk to other programs"));
    std::thread::sleep(Duration::from_secs(4));
    let eased = lab.share_of_last(Duration::from_secs(2));
    // They wait for the disk whatever we do.
    let over = until(&|said| !said.contains("leaves the disk"));
    std::thread::sleep(Duration::from_secs(4));
    let again = lab.share_of_last(Duration::from_secs(2));
    drop(writers);
    println!(
        "alone {alone:.2} of the line; {eased:.2} from {after:.1?} on while others wait for the disk; {again:.2} again after {over:.1?}, for it did not help them"
    );
    assert!(eased < 0.6 * alone, "it takes {eased:.2} of the line, and {alone:.2} alone");
    assert!(again > 0.8 * alone, "it takes {again:.2} of the line, and {alone:.2} alone");
}
