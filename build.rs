//! Migrations are compiled in: a new one must rebuild the package.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
