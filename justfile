# The usual tasks. Each line also works without just.

# list the tasks
default:
    @just --list

# release build
build:
    cargo build --release --locked

# all tests; what is ignored, and why, is printed
test *args:
    cargo test --locked {{args}}

# unit tests only
test-fast:
    cargo test --locked --lib

# format, lints and API documentation
lint:
    cargo fmt --all --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

# everything that must hold before a change goes in
ci:
    .ci/run

# draw the snapshots of the dashboard again, and take its pictures and its recording from the demo
screenshots:
    INSTA_UPDATE=always cargo test --locked --test tui screens
    BARKEEP_UPDATE_SCREENSHOTS=1 cargo test --locked --test terminal pictures

# faults at random instants (docs/reliability.md): all scenarios, or those whose name holds an argument
chaos *args:
    cargo test --locked --test chaos -- --ignored --nocapture --test-threads 1 {{args}}

# one benchmark: pipeline, plan, api, tui or growth
bench name *args:
    cargo bench --bench {{name}} -- {{args}}

# the documentation as a site in target/site/docs (needs mdbook)
docs:
    mdbook build docs
    cp -r screenshots config contrib target/site/
