#!/usr/bin/env bash
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
failed=0

expect() { # expect WHAT WANTED GOT
  [[ $2 == "$3" ]] && return
  printf 'FAILED: %s: wanted %q, got %q\n' "$1" "$2" "$3"
  failed=1
}

expect 'the most frequent' 'the 4' "$(bash count.sh -n 1 words.txt)"
expect 'any order' 'bird 1' "$(bash count.sh -r words.txt -n 1)"
expect 'ties by the alphabet' 'bird 1 cat 1 dog 1 end 1' "$(bash count.sh -r -n 4 words.txt | xargs)"
expect 'a number in one word' 'the 4 and 2' "$(bash count.sh -n2 words.txt | xargs)"
bash count.sh -x words.txt >/dev/null 2>&1
expect 'an unknown option' 2 "$?"
bash count.sh >/dev/null 2>&1
expect 'no file' 2 "$?"
bash count.sh -n many words.txt >/dev/null 2>&1
expect 'no number' 2 "$?"
exit $failed
