//! The seam between the authorization server and whoever knows the people, through the real route tables.

mod embedded;
mod external;
mod forged;
mod logout;
mod own_flow;
mod remembered;
mod scene;
mod schema;
mod tabs;
