#!/usr/bin/env bash
# Proves that `protocol`, with all that it depends on, links neither std nor alloc.
#
# `#![no_std]` on a crate proves little: any dependency may still pull std in, and on a machine whose target has std nothing
# fails. So tests/no_std/proof.rs is compiled against `protocol` as a static library, where the compiler demands that
# exactly one panic handler exists and, as soon as anything links alloc, an allocator:
#
#   - the proof brings its own panic handler: std anywhere below would be a second one (error E0152);
#   - it brings no allocator: alloc anywhere below is an error.
#
# Both alarms are then tried: the same proof with `extern crate std` and with `extern crate alloc` must fail, or else this
# check is worth nothing. protocol is built alone (no tests' dependencies, whose features would be mixed in).
#
# CARGO_TARGET_DIR is respected (default: target); what is built goes to its folder no_std.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${CARGO_TARGET_DIR:-$PWD/target}/no_std
mkdir -p "$dir"

# The features are asked for as well, because a feature named std or alloc is the usual way in, and its name says whose.
# Macros run in the compiler, not in the product: thiserror-impl, serde_derive and theirs are left out.
if loud=$(cargo tree --locked --package protocol --edges features,no-dev,no-proc-macro --prefix none |
  grep -E 'feature "(std|alloc|use-std|use_std)"' | sort -u); then
  echo "no_std: FAILED: a dependency of protocol has std or alloc switched on:" >&2
  echo "$loud" >&2
  exit 1
fi

CARGO_TARGET_DIR="$dir" CARGO_PROFILE_DEV_PANIC=abort \
  cargo build --quiet --locked --package protocol --lib

# prove NAME [CFG]: compiles the proof; what the compiler says goes to NAME.log.
prove() {
  rustc --edition 2024 --crate-type staticlib -C panic=abort ${2:+--cfg "$2"} \
    --check-cfg 'cfg(with_std, with_alloc)' -D warnings \
    --extern protocol="$dir/debug/libprotocol.rlib" -L dependency="$dir/debug/deps" \
    -o "$dir/$1.a" tests/no_std/proof.rs 2>"$dir/$1.log"
}

if ! prove proof; then
  echo "no_std: FAILED: protocol links std or alloc:" >&2
  cat "$dir/proof.log" >&2
  exit 1
fi
for alarm in std:'E0152' alloc:'no global memory allocator found'; do
  if prove "with_${alarm%%:*}" "with_${alarm%%:*}" || ! grep -q "${alarm#*:}" "$dir/with_${alarm%%:*}.log"; then
    echo "no_std: FAILED: linking ${alarm%%:*} went unnoticed, so this check proves nothing" >&2
    cat "$dir/with_${alarm%%:*}.log" >&2
    exit 1
  fi
done
echo "no_std: ok, protocol links neither std nor alloc"
