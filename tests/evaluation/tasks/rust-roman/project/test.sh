#!/bin/sh
cd "$(dirname "$0")" || exit 1
program=$(mktemp -d)/tests
rustc --edition 2021 --test -o "$program" tests.rs && "$program" -q
