#!/bin/sh
# Runs the actor in this folder and asks it: `sh test.sh`, after `pulsing-host build`.
set -eu
out=$(mktemp)
pulsing-host run ./*.wasm --name counter --listen 127.0.0.1:0 >"$out" 2>/dev/null &
host=$!
trap 'kill "$host" 2>/dev/null; rm -f "$out"' EXIT

tries=0
until grep -q '^ready' "$out"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 3000 ]; then
        echo "FAILED: the actor does not start"
        exit 1
    fi
    sleep 0.1
done
PULSING_HOST=$(sed -n 's/^listening //p' "$out")
export PULSING_HOST

expect() {
    wanted=$1
    shift
    answer=$(pulsing-host ask counter "$@")
    if [ "$answer" != "$wanted" ]; then
        echo "FAILED: $* answers $answer, not $wanted"
        exit 1
    fi
}

expect 5 increment '{"n":5}'
expect 6 increment
expect 5.5 get_average
expect '[5,6]' history
echo "4 answers passed"
