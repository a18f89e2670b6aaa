//! All integration tests, one binary: linking is what costs.
//!
//! Each topic is a module here, its helpers are in `support`. Run it by `scripts/test`, which starts what they need.

#[cfg(test)]
mod app;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod interaction;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod outside_clients;
#[cfg(test)]
mod process;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
