#!/bin/sh
# SPDX-License-Identifier: MIT
# Publishes each line of its input: over_http.sh http://127.0.0.1:8080/publish/news

publish() { # URL DATA [KEY]: prints the event's id, once it is published
    key=${3:-$(cat /proc/sys/kernel/random/uuid)}
    while :; do
        answer=$(curl --silent --max-time 30 --write-out '%{http_code}' --data-raw "$2" \
            --header 'Content-Type: text/plain; charset=utf-8' \
            --header "Idempotency-Key: $key" "$1") || answer=000
        case $answer in
        *200) printf '%s\n' "$answer" | sed -n 's/.*"ids": \["\([^"]*\)".*/\1/p' && return ;;
        *000 | *429 | *5[0-9][0-9]) sleep 0.5 ;; # again: by its key it is published once
        *) printf '%s\n' "$answer" >&2 && return 1 ;;
        esac
    done
}

while IFS= read -r line; do
    publish "$1" "$line" </dev/null || exit 1
done
