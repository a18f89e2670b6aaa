//! Self-service flows: a form that is made, shown, sent and then done, once. What all flows share.
//!
//! A browser flow belongs to the browser that holds its anti-forgery cookie; an API flow has no cookie and is named by
//! its id alone. Not here: HTTP, cookies, and the masking of anti-forgery tokens (`web`).

pub mod login;
pub mod submit;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::login::LoginFlow;
use crate::base::Instant;
use crate::base::gate::GateError;
use crate::identity::return_to::Forbidden;
use crate::store::StoreError;

/// Who shows the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowType {
    /// A native app: no cookies, no redirects.
    Api,
    /// A browser: with a cookie against forgery.
    Browser,
}

/// Why a flow did not go on. A wrong password is no failure of the flow but a form with a message.
#[derive(Debug)]
pub enum FlowError {
    /// Somebody is signed in already and nobody asked to confirm it (400 `session_already_available`).
    AlreadySignedIn,
    /// Too much to do: shed the request (503 with Retry-After).
    Busy,
    /// The flow belongs to another browser, or the anti-forgery cookie is gone (403 `security_csrf_violation`).
    Csrf,
    /// The flow is over and is only read (410 `self_service_flow_expired`): a new one must be started.
    Expired(Box<LoginFlow>),
    /// Show the form again; its messages say why (400 as JSON, 303 to the page).
    Form(Box<LoginFlow>),
    /// Something broke (500); the cause is for the log.
    Internal(StoreError),
    /// There is no such flow (404).
    NotFound,
    /// The flow that was sent is over; this new one goes on in its place (410 with `use_flow_id`, or 303 to it).
    Replaced {
        /// The new flow, with a message that says why.
        flow: Box<LoginFlow>,
        /// When the old one ended.
        expired_at: Instant,
    },
    /// The address to return to is not allowed (400 `self_service_flow_return_to_forbidden`).
    ReturnTo(Forbidden),
    /// Too many attempts (429 with Retry-After); the proof was not looked at.
    Throttled {
        /// The form, with a message that says so.
        flow: Box<LoginFlow>,
        /// Seconds until an attempt is heard again.
        retry_after: u64,
    },
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            other => Self::Internal(other),
        }
    }
}

impl From<GateError> for FlowError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Busy => Self::Busy,
            GateError::Panicked => Self::Internal(StoreError::Panicked),
        }
    }
}

impl From<Forbidden> for FlowError {
    fn from(error: Forbidden) -> Self {
        Self::ReturnTo(error)
    }
}
