//! A web page's session: the same messages, of which a page may say a few, and of whose answers it sees its own.

use serde_json::Value;

use super::session::Session;
use crate::engine::Knock;
use crate::model::id::OwnerKey;
use crate::model::item::Mode;
use crate::model::page::{PageOrigin, PageUpdate};
use crate::model::request::{Act, Refusal, RefusalKind, Request};
use crate::model::update::Update;
use crate::protocol::error::{HELLO_FIRST, NOT_LET_IN, RpcError};
use crate::protocol::message::{Ask, result};
use crate::protocol::session::{Hello, LetIn, Own};

impl Session {
    /// Carries out what a page says, until it has said hello.
    pub(super) async fn meet_page(
        &self,
        page: &PageOrigin,
        ask: Ask,
        id: &Value,
    ) -> Result<Vec<u8>, RpcError> {
        let engine = &self.house().engine;
        match ask {
            Ask::Own(Own::DoorAsk) => {
                let granted = match engine.knock(page)? {
                    Knock::In => true,
                    Knock::Never => false,
                    Knock::Asked(answer) => answer
                        .await
                        .map_err(|_| Refusal::new(RefusalKind::NotNow, "nobody has answered", "ask again"))?,
                };
                Ok(result(id, &LetIn { granted }))
            }
            _ if !engine.lets_in(page) => {
                Err(RpcError::new(NOT_LET_IN, format!("{page} is not let in: ask first, by `door.ask`")))
            }
            Ask::Own(Own::Hello(hello)) => {
                self.let_in(page, &hello.key);
                Ok(result(id, &self.house().welcome(&Hello { key: OwnerKey(String::new()), ..hello })))
            }
            _ => Err(RpcError::new(HELLO_FIRST, "say `hello` first")),
        }
    }

    /// A page comes in.
    pub(super) fn let_in(&self, page: &PageOrigin, key: &OwnerKey) {
        // Two origins are two owners, whatever they say; and no page is a client of another kind.
        self.greet(OwnerKey(format!("{page} {}", key.0)));
        self.house().engine.page_came(page);
    }

    /// Whether the connection is one that this request can be made over: a real-time download ends with its owner's.
    pub(super) fn check_passing(&self, request: &Request) -> Result<(), RpcError> {
        let needs_owner = match request {
            Request::Add(batch) => batch.downloads.iter().any(|new| new.mode == Some(Mode::RealTime)),
            Request::Act { act: Act::SetMode { mode: Mode::RealTime }, .. } => true,
            _ => false,
        };
        if needs_owner && self.is_passing() {
            let text = "a real-time download needs a connection that stays";
            return Err(Refusal::new(RefusalKind::NotNow, text, "use the WebSocket").into());
        }
        Ok(())
    }

    /// Whether a page may say this of the session itself.
    pub(super) fn check_page(&self, own: &Own) -> Result<(), RpcError> {
        let Some(page) = self.page() else {
            if matches!(own, Own::DoorAsk) {
                return Err(
                    Refusal::new(RefusalKind::Forbidden, "only a web page asks to be let in", "").into()
                );
            }
            return Ok(());
        };
        if !self.house().engine.lets_in(page) {
            return Err(RpcError::new(NOT_LET_IN, format!("{page} is no longer let in")));
        }
        match own {
            Own::Subscribe if self.is_subscribed() => {
                let text = "a page has one subscription";
                Err(Refusal::new(RefusalKind::NotNow, text, "end the other one first").into())
            }
            Own::Subscribe => {
                self.known().borrow_mut().clear();
                Ok(())
            }
            Own::Goodbye | Own::Unsubscribe(_) => Ok(()),
            _ => Err(Refusal::new(RefusalKind::Forbidden, "that is not for web pages", "").into()),
        }
    }

    /// What a page is told of an update; nothing where none of it is the page's.
    pub(super) fn told_to_page(
        &self,
        page: &PageOrigin,
        update: Update,
        is_first: bool,
    ) -> Option<PageUpdate> {
        let mut known = self.known().borrow_mut();
        let own = self.house().engine.update_for_page(page, update, &mut known);
        let is_empty = own.rows.is_empty() && own.removed.is_empty() && own.collections.is_none();
        // The first list is told whole, so that the page knows that nothing is in it.
        (is_first || !is_empty).then_some(own)
    }
}
