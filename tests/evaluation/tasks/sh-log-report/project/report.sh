#!/bin/sh
# report.sh FILE...: requests by status, the most frequent first; then the slowest path.
cat $* | awk '{ count[$3]++; if ($4 > slowest) { slowest = $4; path = $2 } }
  END { for (status in count) print status, count[status]; print "slowest", path }' | sort -k2
