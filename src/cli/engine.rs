//! The smallest face of an engine that commands need, so that they can be tried out against a scripted one.

use super::error::CliError;
use crate::client::{Client, ClientError, Updates};
use crate::model::request::{Reply, Request};
use crate::model::update::Update;

/// An engine, wherever it runs.
pub(crate) trait Engine {
    /// The changes it reports.
    type Feed: Feed;

    /// Asks for something and waits for the answer.
    async fn call(&self, request: Request) -> Result<Reply, CliError>;

    /// Asks where the door for web pages is; nothing where it is closed.
    async fn door(&self) -> Result<Option<String>, CliError>;

    /// Asks for the whole list and every change after it.
    async fn subscribe(&self) -> Result<Self::Feed, CliError>;

    /// Leaves for good: what this client owned may end.
    async fn goodbye(self);
}

/// The changes that an engine reports, first the whole list in pages.
pub(crate) trait Feed {
    /// Waits for the next ones. Giving up this future loses none.
    async fn next(&mut self) -> Result<Update, CliError>;
}

impl Engine for Client {
    type Feed = Updates;

    async fn call(&self, request: Request) -> Result<Reply, CliError> {
        Ok(Self::call(self, request).await?)
    }

    async fn door(&self) -> Result<Option<String>, CliError> {
        Ok(self.status().await?.door)
    }

    async fn subscribe(&self) -> Result<Updates, CliError> {
        Ok(Self::subscribe(self).await?)
    }

    async fn goodbye(self) {
        Self::goodbye(self).await;
    }
}

impl Feed for Updates {
    async fn next(&mut self) -> Result<Update, CliError> {
        Ok(Self::next(self).await?)
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(refusal) => Self::Refused(refusal),
            other @ ClientError::Lost { .. } => Self::Unreachable { why: other.to_string() },
        }
    }
}

/// Returns the error of an answer that belongs to another question.
pub(crate) fn unexpected(reply: &Reply) -> CliError {
    let named = serde_json::to_value(reply).ok();
    let kind = named.as_ref().and_then(|value| value.get("reply")?.as_str()).unwrap_or("something else");
    CliError::Unreachable { why: format!("the engine answered `{kind}`, which was not asked for") }
}
