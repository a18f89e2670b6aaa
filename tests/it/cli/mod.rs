//! The binary as people use it.

mod admin;
mod dev;
