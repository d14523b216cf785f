#!/bin/sh
cd "$(dirname "$0")" || exit 1
classes=$(mktemp -d)
javac -J-XX:TieredStopAtLevel=1 -proc:none -d "$classes" ./*.java &&
  java -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$classes" BankTest
