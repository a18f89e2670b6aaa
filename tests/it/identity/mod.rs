//! People and their logins on both databases, and over HTTP. The rules themselves are tested beside the code.

mod login;
mod self_service;
