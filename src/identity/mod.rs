//! F3: the people: who they are, how they prove it, and the forms they do it with. No HTTP, no OAuth.

pub mod credential;
pub mod identifier;
pub mod message;
pub mod schema;
pub mod throttle;
pub mod ui;
