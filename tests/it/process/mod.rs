//! The whole program as operators meet it: starts, ends, crashes, several at once, what it leaves in logs and files.

mod crash;
mod demo;
mod races;
mod secrets;
mod start;
mod tls;
