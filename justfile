# Chores by name, for those who have `just`; each is a script or a cargo command that works without it.

# list the chores
default:
    @just --list

# start a development server with seeded clients and a person
dev *arguments:
    cargo run --release -- dev {{arguments}}

# format, lints, dependencies, floors
check:
    scripts/check

# every test; arguments go to cargo test
test *arguments:
    scripts/test {{arguments}}

# install what building and testing need
tools:
    scripts/tools

# what a change must pass before it lands
ci:
    .ci/run

# put the code into the house format
fmt:
    cargo fmt

# throughput and latency, beside a bare endpoint on the same machine
bench *arguments:
    cargo bench --bench server -- {{arguments}}

# look at changed snapshots after a test run (needs cargo-insta)
snapshots:
    cargo insta review
