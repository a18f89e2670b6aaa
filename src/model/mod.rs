//! F1: domain types and their legal changes. No I/O, no clock.

pub mod alg;

pub use alg::SigningAlg;
