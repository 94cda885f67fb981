//! One request: the script that pages use, a preflight, a single message, or the beginning of a WebSocket.

use std::cell::RefCell;
use std::rc::Rc;

use ::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    HeaderValue, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use ::http::{Method, Request, Response, StatusCode};
use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};

use super::gate::{Gate, Whence};
use super::room::{Kind, Room};
use super::talk::{Call, Pace};
use crate::agent::house::House;
use crate::agent::session::Session;
use crate::model::id::OwnerKey;
use crate::model::page::PageOrigin;
use crate::protocol::frame::MAX_REQUEST;

/// What a page includes.
const SCRIPT: &str = include_str!("haul.js");
/// The same for who imports it.
const MODULE: &str =
    concat!(include_str!("haul.js"), "\nexport const Haul = globalThis.Haul;\nexport default Haul;\n");
/// What its parts are, for editors and compilers.
const TYPES: &str = include_str!("haul.d.ts");
/// Asks whether a page of the internet may speak to this machine, and the answer (the draft that Local Network Access came from).
const ASKS_FOR_PRIVATE: &str = "access-control-request-private-network";
const ALLOWS_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// Seconds for which a browser may remember the answer to a preflight.
const REMEMBER: HeaderValue = HeaderValue::from_static("600");

/// What answers requests.
pub(super) struct Desk {
    gate: Gate,
    house: Rc<House>,
    room: Rc<Room>,
    calls: mpsc::UnboundedSender<Call>,
    /// The pace of single messages, of all pages together.
    pace: RefCell<Pace>,
}

impl Desk {
    pub(super) fn new(
        gate: Gate,
        house: Rc<House>,
        room: Rc<Room>,
        calls: mpsc::UnboundedSender<Call>,
    ) -> Self {
        Self { gate, house, room, calls, pace: RefCell::default() }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !self.gate.is_meant(request.uri(), request.headers()) {
            let mut response = refuse(StatusCode::MISDIRECTED_REQUEST, "this is no name of haul's door");
            response.headers_mut().insert(CONNECTION, CLOSE);
            return response;
        }
        let whence = Gate::whence(request.headers());
        let granted = match &whence {
            Whence::Page(origin) if self.house.engine.lets_in(origin) => Some(origin.clone()),
            _ => None,
        };
        let path = request.uri().path().to_owned();
        let mut response = match (path.as_str(), request.method()) {
            ("/haul.js" | "/haul.mjs" | "/haul.d.ts", &Method::GET) => file(&path),
            ("/rpc", &Method::OPTIONS) => preflight(&request, granted.is_some()),
            ("/rpc", &Method::GET) => self.connect(request, whence).await,
            ("/rpc", &Method::POST) => self.pass(request, granted.as_ref()).await,
            ("/rpc", _) => not_allowed("GET, POST, OPTIONS"),
            ("/haul.js" | "/haul.mjs" | "/haul.d.ts", _) => not_allowed("GET"),
            _ => refuse(StatusCode::NOT_FOUND, "haul's door has /haul.js, /haul.mjs, /haul.d.ts and /rpc"),
        };
        let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        if !is_upgrade {
            // One request a connection: nobody holds one for nothing.
            headers.insert(CONNECTION, CLOSE);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = granted.and_then(|origin| HeaderValue::from_str(origin.as_str()).ok()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        response
    }

    /// Begins a WebSocket.
    async fn connect(&self, request: Request<Incoming>, whence: Whence) -> Response<Body> {
        let Whence::Page(origin) = whence else {
            return refuse(
                StatusCode::FORBIDDEN,
                "only a page of a server may connect, and must say its origin",
            );
        };
        let (mut parts, _) = request.into_parts();
        let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade,
            Err(refused) => return refused.into_response(),
        };
        let kind = if self.house.engine.lets_in(&origin) { Kind::Guest } else { Kind::Stranger };
        let Some(seat) = self.room.take(kind, Some(&origin)) else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many pages are connected");
        };
        let (ready, socket) = oneshot::channel();
        // Who has no receiver any more is closing.
        let _ = self.calls.send(Call { origin, socket, seat });
        upgrade
            .max_message_size(MAX_REQUEST)
            .max_frame_size(MAX_REQUEST)
            .on_upgrade(move |socket| async move {
                // Whoever waited for it has left.
                let _ = ready.send(socket);
            })
            .into_response()
    }

    /// Answers a single message.
    async fn pass(&self, request: Request<Incoming>, granted: Option<&PageOrigin>) -> Response<Body> {
        let Some(origin) = granted else {
            return refuse(StatusCode::FORBIDDEN, "this page is not let in: connect by WebSocket and ask");
        };
        let is_json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = is_json.and_then(|value| value.split(';').next()).map(str::trim);
        if !is_json.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a message is application/json");
        }
        let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "a message has at most 1 MiB");
        let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if length
            .and_then(|value| value.parse::<u64>().ok())
            .is_some_and(|length| length > MAX_REQUEST as u64)
        {
            return too_large();
        }
        if !self.pace.borrow_mut().takes() {
            let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "pages ask too often");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        }
        let Ok(text) = axum::body::to_bytes(Body::new(request.into_body()), MAX_REQUEST).await else {
            return too_large();
        };
        let mut key = [0; 16];
        if getrandom::fill(&mut key).is_err() {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the system gives no random bytes");
        }
        let session = Session::of_page(Rc::clone(&self.house), origin.clone());
        session.pass(&OwnerKey(data_encoding::HEXLOWER.encode(&key)));
        let answer = session.answer(&text).await;
        session.leave();
        match answer {
            Some(answer) => typed("application/json", answer.into_text()),
            None => plain(StatusCode::NO_CONTENT, ""),
        }
    }
}

fn file(path: &str) -> Response<Body> {
    let (kind, text) = match path {
        "/haul.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "/haul.mjs" => ("text/javascript; charset=utf-8", MODULE),
        _ => ("text/plain; charset=utf-8", TYPES),
    };
    let mut response = typed(kind, text);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Pages that shut everything else out may include it all the same.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

/// Tells a browser whether it may ask.
fn preflight(request: &Request<Incoming>, is_granted: bool) -> Response<Body> {
    if !is_granted {
        return refuse(StatusCode::FORBIDDEN, "this page is not let in");
    }
    let mut response = plain(StatusCode::NO_CONTENT, "");
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBER);
    if request.headers().contains_key(ASKS_FOR_PRIVATE) {
        headers.insert(ALLOWS_PRIVATE, HeaderValue::from_static("true"));
    }
    response
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "that can't be done here");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    plain(status, format!("{why}\n"))
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = typed("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    response
}

fn typed(kind: &'static str, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
