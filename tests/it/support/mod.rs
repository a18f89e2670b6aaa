//! What the tests stand on: databases, whole servers, browsers, a server for static pages.

pub mod app;
pub mod browser;
pub mod client;
pub mod clock;
pub mod db;
pub mod http;
pub mod static_files;
pub mod user_agent;
