//! Stepping aside: how much of the line background downloads use, decided from what a receiver can see.
//!
//! The server and its congestion control are not ours. The window that we offer is the only handle; delay, our own rate and the
//! interface's counters are the only eyes. A [`Line`] is what an interface leads to, a [`Path`] is a way over it to one
//! server's network, with one window for all background connections on it, which [`share_out`] divides among them.
//! Time is an argument: whoever runs it reads sockets and counters every 10 ms and does what comes out.
//!
//! # What was tried
//!
//! | Way | What came of it |
//! | --- | --- |
//! | the queue of one look decides in the ramp | a burst of a window that doubles looks like a queue: the line is left to nobody for a second. A queue counts only if it stands for two round trips |
//! | the rate over 100 ms decides in the ramp | it lags behind a window that doubles each round trip: a rival is seen where none is. The last round trip counts |
//! | the line's capacity from our rate and the others' newest | who comes is seen at once and what we lose a moment later: the sum is too high. Both over one span |
//! | what headers add, as a mean | a rival that was there from the start hides in it. Others can only add, so the lowest ratio of a minute |
//! | counters times a ratio, in all | the ratio changes, and all that was ever counted with it. Only what grew in a tick is weighed |
//! | all connections stay open while stepping aside | the kernel goes on filling their buffers, a segment each round trip. All but one are closed after 300 ms |
//! | a line that stalls for 10 to 60 ms at a time, as on a busy machine | no rival is seen in it; what is lost alone is the stalls' own (99 % at 10 ms, 75 % at 60 ms) |
//! | pages: who begins gets half of the line at once, and all of it is taken again between two pages | a page takes 1.20 times as long: its first round trips, of which it has few, stand in our queue of 3 to 7 ms, and by the time that it is known it is half there. Whoever began three times within half a minute reads pages: from then on 10 % stay free and no queue is made, and the next one gets 85 % at once. 1.03 times as long, for a tenth of our speed. 15 % free: 1.02 |
//! | a rival elsewhere, looked for again after a second | four looks in the first eight seconds, each of which takes some of its rate: 96.4 %. A quarter of a second more: 97.2 % |
//! | a proxy on this machine, paced by what is read | it has up to 10 MB ahead for each connection, in two buffers that are not ours: the foreground has a tenth of the line for four seconds, half after six and 95 % from the seventh on. A window of 256 KiB to it keeps our own buffer out of that; what the interface counted, over half a second, tells of others, for what is read tells nothing |
//! | a way that jitters: a moment's lowest round trip over 100 or 200 ms, and up to 8 ms more queue where round trips always differ | nothing: 2 to 14 % of the line instead of 4 %. Under load everybody waits for whoever is held up, so all round trips lie 10 to 18 ms over the lowest: a queue that stands, which the ramp takes for somebody else's, and the probe for one of each flow |
//! | the same, with what more of a window brings as the measure: as much more rate is no queue, and counts as the way's own length from then on (see the bounds in `jitter.rs`) | 98 % of the line, and the foreground keeps 99 % |
//! | what came behind a hole counted where less than half of a tick was in order | at each loss bytes of ours looked like somebody's first flight, and half of the line was given to nobody for 160 ms: 91 % alone behind `fq_codel`, 91 % with losses. The kernel's count of what came before its turn: 100 and 99 %, and the foreground keeps 2 % more behind `fq_codel` |
//! | the trickle as what is read four times a second | the kernel takes the smallest window each round trip whether it is read or not: 2 % of this line, a tenth of one of 10 Mbit/s. A buffer of a few segments meanwhile: 0.4 % |
//! | behind `fq_codel`, a rival elsewhere: the window as the ramp left it | twice of what fits: what keeps queues short (RFC 8289) drops, senders go by that, and neither a queue nor the window shows who comes. Two connections of ours leave the foreground 34 %, a plain download 50. A window that is no more than fills the line keeps the queue ours |
//! | the same, once the window is kept to the line, on a way that loses | senders need more than fits to make up for what they lose: 93 % alone. Where less than the line is used and nothing waits, the window is left as it is: 98 % |
//! | the same, one look of the probe, or a queue that stands for a second | a queue of 3 ms has gaps, so the line was never known for one with a queue for each flow. Looks are counted, and not before jitter is known: it looks the same |
//! | the same, whoever has less than the line beside a rival | so has who is on a line that became slower: behind `fq_codel` it got 2 % of it from then on, for ever. What two connections get against what one gets tells them apart (`path/compare.rs`): half a second for a slower line |
//! | the same, what several get as it was when the suspicion came | in that moment they have half of their part, and one has as much: a rival is taken for a slower line. 150 ms later |
//! | who was quiet for a quarter of a second comes again | a foreground that lost what it sent is quiet for longer, and counted as one that reads pages. A second |
//!
//! # Measured
//!
//! In the lab (`tests/it/lab`, `HAUL_LAB=all`), a debug build on two processors that did nothing else, medians of three rounds of 8 s. *Kept*:
//! what the foreground has of its rate alone; *page*: how much longer its pages take; *alone*: what the background has of the line by
//! itself; *p95*: what it adds to the wait then.
//!
//! | Line | kept | page | alone | p95 | yields | is back |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 50 Mbit/s, 20 ms, 200 ms of buffer | 99.4 % | | 99.7 % | 4 ms | 0.3 s | 0.7 s |
//! | the same, pages in the foreground | | 1.03 | 86.4 % between them | 2 ms | 0.3 s | 0.2 s |
//! | the same, foreground on another host | 96.7 % | | 100 % | 4 ms | 0.6 s | 1.1 s |
//! | the same, foreground is BBR | 99.4 % | | 98.9 % | 3 ms | 0.3 s | 0.6 s |
//! | the same, 20 ms of buffer | 99.4 % | | 100 % | 3 ms | 0.3 s | 0.5 s |
//! | the same, `fq_codel` | 98.1 % | | 99.9 % | 0 ms | 0.3 s | 0.5 s |
//! | the same, `fq_codel`, foreground on another host | **74.1 %** | | 100 % | 0 ms | 0.9 s | 0.2 s |
//! | the same, 4 connections | 99.4 % | | 100 % | 4 ms | 0.3 s | 0.7 s |
//! | the same, 5 downloads | 99.1 % | | 100 % | 3 ms | 0.3 s | 0.6 s |
//! | 1 Gbit/s, 10 ms, 20 ms of buffer | 99.7 % | | 99.7 % | 4 ms | 0.3 s | 0.6 s |
//! | the first, 6 ms of jitter | 99.0 % | | 96.5 % | 11 ms | 0.4 s | 1.0 s |
//! | the first, 0.05 % loss | **83.6 %** | | 98.3 % | 7 ms | 0.3 s | 0.4 s |
//!
//! Before a server of HTTP/2 only (`lab::http2`, the first line): 100 % of the line alone, and the foreground has 95 % of it, which is all
//! that headers leave.
//!
//! A machine on which others wait for the disk (two programs that write a block and sync it, over and over; `HAUL_LAB=all`,
//! `lab::short`): half of what it took from 5.3 s on, all of it again after another 5.9 s, for it did not help them.
//!
//! What is not good enough: a rival elsewhere on a way that jitters, where a buffer of 20 ms is no longer than the jitter, keeps half of the
//! line in a simulation of a minute; with losses the foreground keeps too little, for it is then as slow as a line that is not full, and the
//! rest looks free. Behind `fq_codel` with the foreground on another host a download that has one connection can't compare: it steps aside
//! for half a minute and has its half from then on; several servers at once each decide for themselves, and where one of them is taken for
//! a way that jitters, the rival has its part and no more (a simulation of two servers with four connections each: a ninth).

mod arrived;
mod blind;
#[cfg(test)]
mod fair;
mod history;
mod jitter;
mod line;
mod path;
mod pressure;
mod share;
#[cfg(test)]
mod simulated;

pub use arrived::{Arrived, Reading, Step};
pub use blind::Blind;
pub use line::Line;
pub use path::{FLOOR, Grant, Path, Rival, Seen, Stance};
pub use pressure::{Ease, Pressure, Scarce, Strain};
pub use share::{Part, Wants, share_out};
