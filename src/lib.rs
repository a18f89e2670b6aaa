//! Sallyport: an OAuth 2.0 and OpenID Connect provider that bridges to identity flows.

pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod identity;
pub mod interaction;
pub mod jobs;
pub mod model;
pub mod oauth;
pub mod outbound;
pub mod render;
pub mod store;
pub mod web;
