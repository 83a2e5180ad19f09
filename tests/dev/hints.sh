#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The lines that `./dev run` prints can be copied as they are:
#
#     tests/dev/hints.sh ROOT PROGRAM
#
# The server runs as ./dev starts it, with a feed whose path needs quoting; what add_hints makes of
# its output is run line by line, and a subscriber must get one event from each line that publishes.

set -euo pipefail

root=$1 program=$2
place=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$place"' EXIT
mkdir "$place/build" "$place/a place"
ln -s "$program" "$place/build/fanfare"
cp "$root/dev" "$place/dev"
# shellcheck source=/dev/null
source "$place/dev" help >"$place/help"
cd "$place"

until_said() { # FILE TEXT
    local tries
    for tries in $(seq 600); do
        grep -q "$2" "$1" && return 0
        read -rt 0.1 <> <(:) || true # nothing comes: a pause
    done
    echo "no \"$2\" in:" && cat "$1"
    exit 1
}

build/fanfare serve --listen 127.0.0.1:0 --feed "$place/a place/feed.sock" >said 2>log &
pids+=($!)
until_said said '^workers:'
add_hints <said >hints
cat hints
url=$(sed -n 's/^   live page *//p' hints)
publishes='curl -d|build/fanfare pub|printf'
mapfile -t publishing < <(sed -nE "s#^   (publish)? +($publishes) #\2 #p" hints)
[ ${#publishing[@]} = 3 ] || { echo "${#publishing[@]} lines publish, not 3"; exit 1; }

build/fanfare sub --url "$url" --limit 3 --raw news >got 2>>log &
subscriber=$!
pids+=($subscriber)
until curl -s "${url}stats" >stats && grep -q '"subscribers": 1' stats; do
    kill -0 $subscriber
done
for line in "${publishing[@]}"; do
    timeout 20 bash -c "${line/nc -UN/nc -w 5 -UN}" >answer || { echo "failed: $line"; exit 1; }
done
wait $subscriber
[ "$(cat got)" = $'hello\nhello\nhello' ] || { echo "got:" && cat got; exit 1; }
curl -sf "$url" >page && grep -qi '<html' page || { echo "no live page at $url"; exit 1; }
echo "3 of 3 lines published, the page is there"
