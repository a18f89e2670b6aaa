//! What the tests stand on: databases, whole servers in this process, the program as one of its own, people, browsers, a
//! server for static pages.

pub mod api;
pub mod app;
pub mod browser;
pub mod client;
pub mod clock;
pub mod db;
pub mod http;
pub mod person;
pub mod server;
pub mod static_files;
pub mod user_agent;
