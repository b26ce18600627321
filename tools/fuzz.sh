#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Fuzzes every target, or one. Usage: tools/fuzz.sh SECONDS [TARGET]; TARGET with or without "fuzz_".
#
# Seeds: fuzz/corpus/<target>, test/samples/<format>, and the files of the data folder (MICROTOME_TEST_DATA, default
# ../shared/data) that fuzz/seeds.txt lists. The corpus is kept in build/fuzz-corpus; failing inputs are written to
# build/fuzz-findings.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: tools/fuzz.sh SECONDS [TARGET]}
only=${2:+fuzz_${2#fuzz_}}
data=${MICROTOME_TEST_DATA:-../shared/data}

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz ${only:+--target "$only"}

# patterns TARGET
patterns() {
    sed -n "s/^$1  *//p" fuzz/seeds.txt | grep . || sed -n "s/^MT_FORMAT(\(${1#fuzz_}\))\$/\1\/*/p" src/format/formats.h
}

# make_seeds TARGET FOLDER. Seeds of codecs begin with parameters, as fuzz/fuzz_codec.c expects. Large files are left out:
# they run slower and find no more.
make_seeds() {
    patterns "$1" | while read -r pattern; do
        find "$data" -path "$data/$pattern" -type f -size -256k 2>/dev/null || true
    done | while read -r seed; do
        copy=$2/$(printf %s "$seed" | md5sum | cut -c1-16)
        case $1 in
        fuzz_codec_*) { printf '\007\007\002\001\000\377\377\000' && cat "$seed"; } >"$copy" ;;
        *) ln -sf "$(realpath "$seed")" "$copy" ;;
        esac
    done
}

mkdir -p build/fuzz-findings
run() {
    target=$(basename "$1")
    corpus=build/fuzz-corpus/$target
    seeds=build/fuzz-seeds/$target
    mkdir -p "$corpus" "$seeds"
    make_seeds "$target" "$seeds"
    folders="$corpus $seeds"
    for folder in "fuzz/corpus/$target" "test/samples/${target#fuzz_}"; do
        [ ! -d "$folder" ] || folders="$folders $folder"
    done
    log=build/fuzz-findings/$target.log
    # shellcheck disable=SC2086 # folders without spaces
    if "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=1048576 \
        -print_final_stats=1 -artifact_prefix="build/fuzz-findings/$target-" $folders >"$log" 2>&1; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, no finding"
    else
        echo "$target: FINDING, see build/fuzz-findings/"
        tail -n 40 "$log"
        return 1
    fi
}

# Every nth program, beginning with one of the first.
lane() {
    i=0
    for program in build/fuzz/fuzz/fuzz_*; do
        [ $((i % $2)) -ne "$1" ] || run "$program" || touch build/fuzz-findings/failed
        i=$((i + 1))
    done
}

rm -f build/fuzz-findings/failed
if [ -n "$only" ]; then
    run "build/fuzz/fuzz/$only"
    exit
fi
lanes=$(nproc)
for n in $(seq 0 $((lanes - 1))); do
    lane "$n" "$lanes" &
done
wait
[ ! -e build/fuzz-findings/failed ]
