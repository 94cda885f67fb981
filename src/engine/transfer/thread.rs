//! The transfer threads: each runs the downloads that it was given on a runtime of its own.

use std::rc::Rc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::order::Order;
use super::run::carry;
use crate::fetch::http::Http;

enum Word {
    Carry(Box<Order>),
    ForgetConnections,
}

/// How a thread stands to the rest of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// As everybody.
    FullShare,
    /// It takes the processor and the disk when nobody else wants them.
    Idle,
}

/// A thread that carries out orders.
pub(crate) struct TransferThread {
    orders: Option<mpsc::UnboundedSender<Word>>,
    thread: Option<JoinHandle<()>>,
}

impl TransferThread {
    /// Starts a thread.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(name: &str, class: Class) -> std::io::Result<Self> {
        let (orders, mut incoming) = mpsc::unbounded_channel::<Word>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if class == Class::Idle {
                crate::sys::be_idle();
            }
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async move {
                let http = Rc::new(Http::new());
                while let Some(word) = incoming.recv().await {
                    match word {
                        Word::Carry(order) => {
                            tokio::task::spawn_local(carry(*order, Rc::clone(&http)));
                        }
                        Word::ForgetConnections => http.forget_connections(),
                    }
                }
            });
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Gives it an order; false where the thread is gone.
    pub(crate) fn give(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.send(Word::Carry(Box::new(order))).is_ok())
    }

    /// Lets it let go of connections that nobody uses.
    pub(crate) fn forget_connections(&self) {
        if let Some(orders) = &self.orders {
            // A thread that is gone has none.
            let _ = orders.send(Word::ForgetConnections);
        }
    }
}

impl Drop for TransferThread {
    /// Ends the thread. The engine has stopped its downloads before: what still ran would be cut off.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
