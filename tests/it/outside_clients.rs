//! Clients that others published must work against the program as they are: npm packages in a browser page and in Node,
//! and the crates that Rust relying parties use.
//!
//! What comes from npm lies in `tests/clients/`; see the README there.

mod crates;
mod node;
mod pages;
