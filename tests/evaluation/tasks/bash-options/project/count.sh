#!/usr/bin/env bash
# count.sh [-n NUMBER] [-r] FILE: the most frequent words, NUMBER of them, with -r the rarest.
set -euo pipefail

number=10
order=-rn
if [ "$1" = -n ]; then
  number=$2
  shift 2
fi
if [ "$1" = -r ]; then
  order=-n
  shift
fi

tr -cs '[:alpha:]' '\n' <"$1" | tr '[:upper:]' '[:lower:]' | sort | uniq -c |
  sort "$order" | head -n "$number" | awk '{ print $2, $1 }'
