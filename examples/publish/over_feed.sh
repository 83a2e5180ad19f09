#!/bin/sh
# SPDX-License-Identifier: MIT
# Publishes each line of its input: over_feed.sh /run/fanfare/feed.sock news
# A connection for each event, by nc of netcat-openbsd; a program that publishes much keeps one.

field() { # NAME VALUE: a line for each of the value's, so that no value makes another field
    printf '%s\n' "$2" | sed 's/\r$//' | tr '\r' '\n' | sed "s/^/$1: /"
}

publish() { # CHANNEL LINE [KEY]: prints the event's id, once it is published
    key=${3:-$(cat /proc/sys/kernel/random/uuid)}
    while :; do
        answer=$({ field channel "$1" && field key "$key" && field data "$2" &&
            printf 'ack: 1\n\n'; } | nc -UN "$feed" 2>/dev/null)
        case $answer in
        *"id: "*) printf '%s\n' "$answer" | sed -n 's/^id: //p' && return ;;
        *"error: stopping"* | '') sleep 0.5 ;; # sent again: by its key it is published once
        *) printf '%s\n' "$answer" >&2 && return 1 ;;
        esac
    done
}

feed=$1
while IFS= read -r line; do
    publish "$2" "$line" </dev/null || exit 1
done
