//! Our own pages: one file a page, each making one context for `render`.

pub mod assets;
pub mod consent;
pub mod form;
pub mod login;
pub mod logout;
pub mod welcome;
