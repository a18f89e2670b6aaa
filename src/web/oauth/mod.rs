//! Endpoints of the protocol on the public listener: one file an endpoint family, each handler one use-case.

pub mod authorize;
pub mod health;
pub mod introspect;
pub mod logout;
pub mod metadata;
pub mod revoke;
pub mod token;
pub mod userinfo;
