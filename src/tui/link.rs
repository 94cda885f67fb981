//! The connection to the engine: made, listened to, and made again when it breaks.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::effect::{Msg, Purpose};
use crate::client::{Client, ClientError, Link as State};
use crate::model::request::{Refusal, RefusalKind, Request};

/// A connection that is being made; the error is a sentence.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Client, String>>>>;

/// Makes a connection to the engine, each time that one is needed; told whether an engine may be started for it.
pub type Connect = Box<dyn Fn(bool) -> Connecting>;

/// The first wait before a broken connection is made again.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(2);
/// The wait between two looks for an engine that somebody stopped: somebody may have started it again.
const STOPPED: Duration = Duration::from_secs(5);

/// The connection, as long as there is one.
#[derive(Clone, Default)]
pub(crate) struct Link {
    client: Rc<RefCell<Option<Client>>>,
    /// Somebody wants an engine that was stopped to be started.
    start: Rc<Notify>,
}

impl Link {
    /// Keeps the connection and tells what comes over it, for ever.
    pub(crate) async fn keep(self, connect: Connect, to: mpsc::UnboundedSender<Msg>) {
        let mut wait = FIRST;
        let mut may_start = true;
        loop {
            let why = match connect(may_start).await {
                Ok(client) => {
                    self.client.replace(Some(client.clone()));
                    wait = FIRST;
                    let why = listen(&client, &to).await;
                    self.client.replace(None);
                    may_start = !matches!(&*client.link().borrow(), State::Down { is_stopped: true, .. });
                    why
                }
                Err(why) => why,
            };
            if to.send(if may_start { Msg::Lost(why) } else { Msg::Stopped }).is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(if may_start { wait } else { STOPPED }) => {}
                () = self.start.notified() => may_start = true,
            }
            wait = (wait * 2).min(LONGEST);
        }
    }

    /// Starts an engine that was stopped.
    pub(crate) fn start(&self) {
        self.start.notify_waiters();
    }

    /// Makes a request; its answer comes as a message.
    pub(crate) fn call(&self, purpose: Purpose, request: Request, to: &mpsc::UnboundedSender<Msg>) {
        let (client, to) = (self.client.borrow().clone(), to.clone());
        tokio::task::spawn_local(async move {
            let answer = match client {
                Some(client) => client.call(request).await,
                None => Err(ClientError::Lost { why: "it is being made again".into() }),
            };
            let answer = answer.map_err(|error| match error {
                ClientError::Refused(refusal) => refusal,
                other @ ClientError::Lost { .. } => {
                    Refusal::new(RefusalKind::Stopping, other.to_string(), "")
                }
            });
            // Nobody waits for it once the screen is gone.
            let _ = to.send(Msg::Answered(purpose, Box::new(answer)));
        });
    }

    /// Leaves for good.
    pub(crate) async fn goodbye(&self) {
        let client = self.client.borrow_mut().take();
        if let Some(client) = client {
            client.goodbye().await;
        }
    }
}

async fn listen(client: &Client, to: &mpsc::UnboundedSender<Msg>) -> String {
    let mut updates = match client.subscribe().await {
        Ok(updates) => updates,
        Err(error) => return error.to_string(),
    };
    if to.send(Msg::Connected).is_err() {
        return String::new();
    }
    let mut link = client.link();
    loop {
        let message = tokio::select! {
            update = updates.next() => match update {
                Ok(update) => Msg::Changed(Box::new(update)),
                Err(error) => return error.to_string(),
            },
            Ok(()) = link.changed() => match &*link.borrow_and_update() {
                State::Up(_) => Msg::Back,
                State::Down { why, .. } => Msg::Lost(why.clone()),
            },
        };
        if to.send(message).is_err() {
            return String::new();
        }
    }
}
