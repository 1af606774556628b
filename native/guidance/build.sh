#!/bin/sh
# Builds guidance.wasm, its hash and the licences of what is in it. Wants Debian's rustc-web, cargo-web, rust-web-src, lld and python3.
set -eu
cd "$(dirname "$0")"

cargo=${CARGO:-/usr/bin/cargo}
export RUSTC="${RUSTC:-/usr/bin/rustc}"
# Building the standard library is a nightly feature of cargo; Debian ships the sources and no wasm32 binaries of it.
export RUSTC_BOOTSTRAP=1
sources="$("$RUSTC" --print sysroot)/lib/rustlib/src/rust"
"$cargo" fetch --locked --target wasm32-unknown-unknown
crates="$(dirname "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/llguidance-1.9.1)"

# The paths of this machine are mapped away, so that the same sources give the same bytes anywhere.
export RUSTFLAGS="--cfg getrandom_backend=\"custom\" -C linker=wasm-ld -C link-arg=--allow-undefined -C link-arg=-zstack-size=2097152 \
-C link-arg=--max-memory=2147483648 -C target-feature=+bulk-memory \
--remap-path-prefix=$sources=/rust --remap-path-prefix=$crates=/crates --remap-path-prefix=$PWD=/guidance"

"$cargo" build --locked --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort
cp target/wasm32-unknown-unknown/release/galerne_guidance.wasm guidance.wasm
sha256sum guidance.wasm > guidance.wasm.sha256
python3 licences.py "$cargo" > THIRD-PARTY-LICENSES
