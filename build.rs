//! Migrations are compiled in: a new one must rebuild the package.

#[expect(clippy::print_stdout, reason = "how a build script speaks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
