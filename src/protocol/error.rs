//! Why a message has no result: JSON-RPC's own codes, and the engine's refusals under one of ours.

use serde::{Deserialize, Serialize};

use crate::model::request::Refusal;

/// The line is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// It is JSON but no request.
pub const INVALID_REQUEST: i32 = -32600;
/// There is no such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The method has other parameters.
pub const INVALID_PARAMS: i32 = -32602;
/// The engine refused; `data` is the refusal, with its kind and a hint.
pub const REFUSED: i32 = -32000;
/// The first message must be `hello`.
pub const HELLO_FIRST: i32 = -32001;
/// A web page that nobody let in may only ask to be.
pub const NOT_LET_IN: i32 = -32002;

/// An error as JSON-RPC writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// For programs: one of the codes above.
    pub code: i32,
    /// For people.
    pub message: String,
    /// The engine's refusal, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Refusal>,
}

impl RpcError {
    /// Returns an error of the message itself.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self { code: REFUSED, message: refusal.text.clone(), data: Some(refusal) }
    }
}
