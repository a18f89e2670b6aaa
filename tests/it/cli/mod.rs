//! Every command of the program, as a person types it.

mod commands;
mod configuration;
