#!/usr/bin/env bash
# Builds the Debian package with cargo-deb (cargo install cargo-deb), and says where it is.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked

# The program itself knows its pages and completions; Cargo.toml says where in the package they go.
made=target/deb
rm -rf "$made"
mkdir -p "$made"
target/release/pairloop man --out "$made/man"
for shell in bash zsh fish; do
    target/release/pairloop completions "$shell" >"$made/pairloop.$shell"
done

cargo deb --no-build --locked
