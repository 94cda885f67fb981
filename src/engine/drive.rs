//! The loop that makes an engine go: hears what its threads tell, ends waits, samples speeds, makes checkpoints, ends when all is safe.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::core::Core;
use super::{Engine, checkpointer, hooks, librarian, publisher, transfer};
use crate::model::time::UnixMs;
use crate::store::db::{Db, Durability};
use crate::store::lock::Lock;

/// How long the first word of the system's services is waited for before anything that steps aside begins.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// How often speeds are sampled while something runs.
const SAMPLE: Duration = Duration::from_millis(100);

/// Everybody who tells the loop something.
pub(super) struct Ears {
    pub incoming: mpsc::UnboundedReceiver<transfer::News>,
    pub saved: mpsc::UnboundedReceiver<checkpointer::Saved>,
    pub published: mpsc::UnboundedReceiver<Vec<publisher::Published>>,
    pub shelved: mpsc::UnboundedReceiver<librarian::News>,
    pub hooked: mpsc::UnboundedReceiver<hooks::HookNews>,
}

/// The loop: hears what transfers, checkpointer and publisher tell, ends waits, samples speeds, makes checkpoints.
pub(super) async fn drive(engine: Engine, mut ears: Ears, idle: watch::Sender<bool>, lock: Lock) {
    // A limit on the size of files is an error of one write (EFBIG), not the end of the program.
    let file_size = rustix::process::Signal::XFSZ.as_raw();
    drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(file_size)));
    #[cfg(target_os = "linux")]
    let mut listening = vec![tokio::task::spawn_local(engine.clone().listen_to_network())];
    #[cfg(target_os = "linux")]
    if engine.core.borrow().settings.services {
        engine.core.borrow_mut().unheard_until = Some(Instant::now() + FIRST_WORD);
        listening.push(tokio::task::spawn_local(engine.clone().listen_to_services()));
    }
    let mut last_checkpoint = Instant::now();
    let mut last_sample = Instant::now();
    loop {
        let now = Instant::now();
        let (timer, quiet_and_stopping) = {
            let mut core = engine.core.borrow_mut();
            let due = core.end_waits(now);
            let absent = core.end_absences(now);
            let forget = core.end_undo(now);
            let knocks = core.end_knocks(now);
            let look = core.look_out(now);
            let settled = core.settles_at(now);
            let plan = core.keep_to_plan(now);
            core.unheard_until = core.unheard_until.filter(|until| now < *until);
            core.pump();
            core.run_hooks();
            core.keep_parts_to_go();
            #[cfg(target_os = "linux")]
            core.mind_sleep();
            let patience = core.patience_ends.filter(|_| !core.hooks.is_quiet());
            if patience.is_some_and(|end| now >= end) {
                core.hooks.let_go();
            }
            let running = core.queue.running() > 0;
            let tick = running.then(|| last_sample + SAMPLE);
            let quiet = core.is_quiet() && core.hooks.is_quiet();
            let patience = patience.filter(|end| now < *end);
            let unheard = core.unheard_until;
            let timers = [unheard, due, absent, forget, knocks, look, settled, plan, tick, patience];
            (timers.into_iter().flatten().min(), core.stopping && quiet)
        };
        if quiet_and_stopping {
            break;
        }
        let is_idle = engine.core.borrow().is_idle();
        idle.send_if_modified(|was| std::mem::replace(was, is_idle) != is_idle);
        let sleep = async {
            match timer {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(first) = ears.incoming.recv() => {
                let mut core = engine.core.borrow_mut();
                core.hear(first);
                while let Ok(next) = ears.incoming.try_recv() {
                    core.hear(next);
                }
            }
            Some(done) = ears.saved.recv() => engine.core.borrow_mut().saved(done),
            Some(done) = ears.published.recv() => engine.core.borrow_mut().published(done),
            Some(news) = ears.shelved.recv() => engine.core.borrow_mut().hear_librarian(news),
            Some(news) = ears.hooked.recv() => engine.core.borrow_mut().hear_hook(news),
            error = lock.hold().lost(), if !engine.core.borrow().stopping => {
                tracing::error!("{error}");
                engine.stop();
            }
            () = engine.wake.notified() => {}
            () = sleep => {
                let now = Instant::now();
                let mut core = engine.core.borrow_mut();
                if now.saturating_duration_since(last_sample) >= SAMPLE {
                    last_sample = now;
                    core.sample(now);
                }
                if now.saturating_duration_since(last_checkpoint) >= core.settings.checkpoint_every {
                    last_checkpoint = now;
                    core.checkpoint_all();
                }
            }
        }
    }
    #[cfg(target_os = "linux")]
    listening.iter().for_each(tokio::task::JoinHandle::abort);
    let db = end(&mut engine.core.borrow_mut(), &mut ears);
    // What is written after the lock is gone may be another engine's by then.
    db.settled().await;
    drop(lock);
}

/// Makes everything safe, and ends the threads. Returns the store, which has it all in hand.
fn end(core: &mut Core, ears: &mut Ears) -> Db {
    core.forget_removed(None);
    core.keep_parts_to_go();
    core.mind_hold(None, UnixMs::from(super::wall()));
    core.keep_traffic(Durability::Durable);
    // Threads end before the lock goes: whoever takes it next finds everything written.
    core.threads = [Vec::new(), Vec::new()];
    core.publisher = None;
    core.librarian = None;
    // What it did in its last moments is written down, too.
    while let Ok(news) = ears.shelved.try_recv() {
        core.hear_librarian(news);
    }
    // Those whose turn for tags didn't come are done as they are; the next engine writes them.
    for (id, ended) in std::mem::take(&mut core.tagging) {
        core.finish(id, ended, true);
    }
    core.checkpointer = None;
    core.db.clone()
}
