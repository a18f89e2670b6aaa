//! People and their logins on both databases. The rules themselves are tested beside the code.

mod login;
