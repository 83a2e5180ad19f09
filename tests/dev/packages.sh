#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Which packages ./dev installs on which machine, with apt and dpkg played by this file:
#
#     tests/dev/packages.sh ROOT
#
# A machine is: what is installed, what apt knows, and what it knows after apt-get update. What
# `./dev build` asks apt-get to install is all that is looked at; nothing is built.

set -euo pipefail

root=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/bin"
cp "$root/dev" "$place/dev"
failed=0

command_file() { # NAME, text on standard input
    { echo '#!/bin/bash'; cat; } >"$place/bin/$1"
    chmod +x "$place/bin/$1"
}

command_file id <<<'echo 0'
command_file meson <<<'exit 1' # here ./dev ends, whatever it found
command_file dpkg-query <<EOF
grep -qx "\${!#}" "$place/installed" && printf installed
EOF
command_file apt-cache <<EOF
candidate=\$(sed -n "s/^\$2 //p" "$place/known")
[ -n "\$candidate" ] || exit 0
printf '%s:\n  Installed: (none)\n  Candidate: %s\n' "\$2" "\$candidate"
seq 20000 # whoever stops reading early has ended a real apt-cache, and lost its status
EOF
command_file apt-get <<EOF
case "\$*" in
*update*) cp "$place/updated" "$place/known" ;;
*install*)
    for word in "\$@"; do
        case \$word in
        lib* | node-* | gcc | meson | user-mode-linux) echo "\$word" | tee -a "$place/installed" ;;
        esac
    done >>"$place/asked"
    ;;
esac
EOF

BUILD=$(sed -n '/^BUILD_PACKAGES=(/,/)/p' "$root/dev" | tr -d '()' | sed 's/BUILD_PACKAGES=//')

# machine NAME INSTALLED KNOWN UPDATED WANTED: lists of words; `package=version` in what apt knows.
machine() {
    local name=$1 asked
    tr ' ' '\n' <<<"$2" >"$place/installed"
    tr ' ' '\n' <<<"$3" | tr = ' ' >"$place/known"
    tr ' ' '\n' <<<"$4" | tr = ' ' >"$place/updated"
    : >"$place/asked"
    PATH="$place/bin:$PATH" "$place/dev" build >/dev/null 2>&1 || true
    asked=$({ grep llhttp "$place/asked" || true; } | tr "\n" " ")
    if [ "${asked% }" = "$5" ]; then
        echo "ok  $name"
    else
        echo "$name: ./dev installs \"${asked% }\", not \"$5\""
        failed=1
    fi
}

# kernel_machine NAME INSTALLED KNOWN UPDATED ASKED ENDS: what `./dev test kernel` installs of its
# own, and its last line.
kernel_machine() {
    local name=$1 asked last
    tr ' ' '\n' <<<"$2" >"$place/installed"
    tr ' ' '\n' <<<"$3" | tr = ' ' >"$place/known"
    tr ' ' '\n' <<<"$4" | tr = ' ' >"$place/updated"
    : >"$place/asked"
    last=$(UML_KERNEL='' PATH="$place/bin:$PATH" "$place/dev" test kernel 2>&1 | tail -n 1) || true
    asked=$(grep user-mode "$place/asked" || true)
    if [ "$asked" = "$5" ] && [[ $last == *"$6"* ]]; then
        echo "ok  $name"
    else
        echo "$name: ./dev test kernel installs \"$asked\" and ends with \"$last\""
        failed=1
    fi
}

BUILD=$(tr -s ' \n' ' ' <<<"$BUILD")
DEBIAN_12='node-llhttp=8.1.0'
DEBIAN_13='node-llhttp=9.2.1 libllhttp-dev=9.2.1'

machine 'Debian 12' "$BUILD" "$DEBIAN_12" "$DEBIAN_12" node-llhttp
machine 'Debian 12, ready' "$BUILD node-llhttp" "$DEBIAN_12" "$DEBIAN_12" ''
machine 'Debian 12, the library is only spoken of' "$BUILD" "$DEBIAN_12 libllhttp-dev=(none)" \
    "$DEBIAN_12" node-llhttp
machine 'Debian 13' "$BUILD" "$DEBIAN_13" "$DEBIAN_13" libllhttp-dev
machine 'Debian 13, ready' "$BUILD libllhttp-dev" "$DEBIAN_13" "$DEBIAN_13" ''
machine 'Debian 13 with the package that has no sources there' "$BUILD node-llhttp" "$DEBIAN_13" \
    "$DEBIAN_13" libllhttp-dev
machine 'Debian 13, a fresh container' '' '' "$DEBIAN_13" libllhttp-dev
machine 'Debian 12, a fresh container' '' '' "$DEBIAN_12" node-llhttp
machine 'Debian 13, all but the parser, lists removed' "$BUILD" '' "$DEBIAN_13" libllhttp-dev

UML='user-mode-linux=6.1um4'
SKIPPED='== test kernel: 0 passed, 0 failed, 1 skipped'
SET_UP='meson could not set up'
kernel_machine 'Debian 12, its kernel' "$BUILD node-llhttp" "$DEBIAN_12 $UML" '' user-mode-linux \
    "$SET_UP"
kernel_machine 'Debian 12, its kernel, a fresh container' '' '' "$DEBIAN_12 $UML" user-mode-linux \
    "$SET_UP"
kernel_machine 'Debian 12, its kernel is there' "$BUILD node-llhttp user-mode-linux" '' '' '' \
    "$SET_UP"
kernel_machine 'no such kernel for this processor' "$BUILD node-llhttp" "$DEBIAN_12" "$DEBIAN_12" \
    '' "$SKIPPED"
exit "$failed"
