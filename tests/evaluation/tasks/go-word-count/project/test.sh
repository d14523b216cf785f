#!/bin/sh
cd "$(dirname "$0")" || exit 1
program=$(mktemp -d)/count
go build -o "$program" . || exit 1
failed=0
expect() { # expect WHAT WANTED TEXT
  got=$(printf "$3" | "$program")
  [ "$2" = "$got" ] && return
  printf 'FAILED: %s: wanted [%s], got [%s]\n' "$1" "$2" "$got"
  failed=1
}
expect 'two lines' '2 4 15 three' 'one two\nthree  four\n'
expect 'no end of line at the end' '2 2 6 one' 'one\ntwo'
expect 'letters, not bytes' '1 2 9 größer' 'größer äöü\n'
expect 'nothing' '0 0 0 ' ''
exit $failed
