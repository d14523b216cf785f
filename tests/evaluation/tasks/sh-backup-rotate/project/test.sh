#!/bin/sh
# Exit 0 when all holds.
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

expect() { # expect WHAT WANTED GOT
  [ "$2" = "$3" ] && return
  printf 'FAILED: %s: wanted %s, got %s\n' "$1" "$2" "$3"
  failed=1
}

for name in plain.txt 'with a space.txt' '-dash.txt' 'star*.txt'; do
  for text in one two three four; do
    printf '%s' "$text" >"./$name"
    sh "$here/rotate.sh" "./$name" 2 || failed=1
  done
  expect "$name .1" four "$(cat "./$name.1" 2>/dev/null)"
  expect "$name .2" three "$(cat "./$name.2" 2>/dev/null)"
  expect "$name .3" none "$([ -e "./$name.3" ] && echo there || echo none)"
done
exit $failed
