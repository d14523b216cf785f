#!/bin/sh
# rotate.sh FILE KEEP: copy FILE to FILE.1, FILE.1 to FILE.2 and so on; keep KEEP copies.
set -eu

file=$1
keep=$2

n=$keep
while [ $n -ge 1 ]; do
  if [ -e $file.$n ]; then
    mv $file.$n $file.$((n + 1))
  fi
  n=$((n - 1))
done
cp -p $file $file.1
