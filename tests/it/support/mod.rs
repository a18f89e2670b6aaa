//! What the tests stand on: databases, a browser, a server for static pages.

pub mod browser;
pub mod db;
pub mod static_files;
