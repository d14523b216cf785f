#!/bin/sh
cd "$(dirname "$0")" || exit 1
failed=0
expect() { # expect WHAT WANTED GOT
  [ "$2" = "$3" ] && return
  printf 'FAILED: %s: wanted [%s], got [%s]\n' "$1" "$2" "$3"
  failed=1
}

expect 'one file' '200 3
500 2
404 1
slowest /find' "$(sh report.sh access.log)"
copy=$(mktemp -d)/'with a space.log'
cp access.log "$copy"
expect 'two files' '200 6' "$(sh report.sh access.log "$copy" | head -n 1)"
pipe=$(mktemp -d)/pipe
mkfifo "$pipe"
timeout 1 sh report.sh <>"$pipe" >/dev/null 2>&1 # nothing ever comes through it
expect 'no file ends at once' 2 "$?"
[ $failed = 0 ] && echo ok
exit $failed
