#!/usr/bin/env bash
# The real program killed, out of space, and beside itself: nothing that was acknowledged is lost.
source "$(dirname "$0")/common.sh"

orders 4000 > monday.jsonl
"$VARVE" init -q
day=0
for seed in 0 1 2 3 4 5; do
    day=$((day + 1))
    orders 4000 "$seed" > "day$day.jsonl"
    "$VARVE" backup Orders "day$day.jsonl" --name "day$day" "${KEYS[@]}" -q --time "2024-01-0${day}T00:00:00Z"
done
cp -r repository pristine

# whole WHAT NAME…: the repository is sound, and these backups are what they were.
whole() {
    local what=$1 name
    shift
    "$VARVE" verify --read-data --restore all > output 2> errors || fail "$what: verify ends with status $?"
    for name in "$@"; do
        rm -f back.jsonl
        "$VARVE" restore Orders --backup "$name" --to back.jsonl -q 2> errors || fail "$what: $name does not come back"
        same "$name.jsonl" back.jsonl
    done
}

# Prune, killed after ever longer times, until one comes to its end.
kills=0
for round in $(seq 1 40); do
    if [ $((round % 10)) -eq 1 ]; then
        rm -rf repository
        cp -r pristine repository
        "$VARVE" forget Orders day1 day3 day4 -q
    fi
    "$VARVE" prune --grace 0s -q > /dev/null 2> errors &
    child=$!
    sleep "0.0$(printf '%02d' $((round % 10 * 3)))"
    if kill -9 "$child" 2> /dev/null; then kills=$((kills + 1)); fi
    wait "$child" 2> /dev/null || true
    "$VARVE" verify --read-data -q > output 2> errors || fail "round $round: verify ends with status $?"
done
whole "after $kills kills" day2 day5 day6
"$VARVE" backup Orders day1.jsonl --name again -q
cp day1.jsonl again.jsonl
"$VARVE" prune --grace 0s -q
whole "after the next backup" day2 day5 day6 again
[ "$kills" -gt 5 ] || fail "only $kills of 40 prunes were killed before they ended"
ok "prune, killed $kills times"

# Backups, killed likewise.
rm -rf repository
cp -r pristine repository
kills=0
for round in $(seq 1 20); do
    orders 4000 "$((round + 10))" > new.jsonl
    "$VARVE" backup Orders new.jsonl --name "new$round" -q 2> errors &
    child=$!
    sleep "0.0$(printf '%02d' $((round * 2)))"
    if kill -9 "$child" 2> /dev/null; then kills=$((kills + 1)); fi
    wait "$child" 2> /dev/null || true
    "$VARVE" verify --read-data -q > output 2> errors || fail "round $round: verify ends with status $?"
done
whole "after $kills kills" day1 day2 day3 day4 day5 day6
ok "backup, killed $kills times"

# Out of space: the greatest file that a process may write stands for a full disk. The signal that
# would end the process is ignored, so that it sees the error.
rm -rf repository
cp -r pristine repository
orders 40000 77 > large.jsonl
limited() { (trap '' XFSZ; ulimit -f "$1"; shift; exec "$VARVE" "$@" > output 2> errors); }
for blocks in 0 1 16 64; do
    before=$("$VARVE" backups Orders --json | sha256sum)
    status=0
    limited "$blocks" backup Orders large.jsonl --name large --force || status=$?
    [ "$status" -eq 1 ] || fail "a backup with $blocks blocks: exit status $status instead of 1"
    [ -s errors ] || [ "$blocks" -eq 0 ] || fail "a backup with $blocks blocks says nothing"
    [ "$before" = "$("$VARVE" backups Orders --json | sha256sum)" ] || fail "a failed backup left a backup"
    status=0
    rm -f out.jsonl
    limited "$blocks" restore Orders --backup day6 --to out.jsonl || status=$?
    [ "$status" -eq 1 ] || fail "a restore with $blocks blocks: exit status $status instead of 1"
    [ ! -e out.jsonl ] || fail "a restore that failed left a target"
done
whole "after backups without space" day1 day2 day3 day4 day5 day6
"$VARVE" forget Orders day1 day3 day4 -q
for blocks in 0 1 16; do
    limited "$blocks" prune --grace 0s || true
    "$VARVE" verify --read-data -q > output 2> errors || fail "after a prune with $blocks blocks: status $?"
done
whole "after prunes without space" day2 day5 day6
ok "no space for backup, restore and prune"

# A real full disk, where one can be mounted.
mkdir disk
if mount -t tmpfs -o size=3m none disk 2> /dev/null; then
    trap 'status=$?; umount "$HERE/disk" 2> /dev/null || true; rm -rf "$HERE"; exit $status' EXIT
    "$VARVE" init -q -r disk/repository
    "$VARVE" backup Orders day1.jsonl --name day1 "${KEYS[@]}" -q -r disk/repository
    status=0
    for round in 1 2 3 4 5 6 7 8; do
        orders 20000 "$((round + 50))" | sed "s/Note\": {\"S\": \"/&$round/" > new.jsonl
        "$VARVE" backup Orders new.jsonl --name "new$round" --force -q -r disk/repository 2> errors || { status=$?; break; }
    done
    [ "$status" -eq 1 ] || fail "a full disk: exit status $status instead of 1"
    complains "space"
    VARVE_REPOSITORY=$HERE/disk/repository whole "on a full disk" day1
    status=0
    "$VARVE" restore Orders --backup day1 --to disk/out.jsonl -r disk/repository 2> errors || status=$?
    [ "$status" -eq 1 ] || [ "$status" -eq 0 ] || fail "a restore to a full disk: exit status $status"
    [ "$status" -eq 0 ] || [ ! -e disk/out.jsonl ] || fail "a restore to a full disk left a target"
    "$VARVE" prune --grace 0s -q -r disk/repository 2> errors || [ $? -eq 1 ] || fail "a prune on a full disk"
    VARVE_REPOSITORY=$HERE/disk/repository whole "after a prune on a full disk" day1
    umount disk
    ok "a full disk"
fi

# Backups and prunes while states are read.
rm -rf repository
cp -r pristine repository
(
    for round in 1 2 3 4 5 6; do
        orders 4000 "$((round + 30))" > "beside$round.jsonl"
        "$VARVE" backup Orders "beside$round.jsonl" --name "beside$round" -q || exit 1
        "$VARVE" forget Orders "beside$round" -q || exit 1
        "$VARVE" prune --grace 0s -q || exit 1
    done
) 2> writer-errors &
writer=$!
reads=0
while kill -0 "$writer" 2> /dev/null; do
    for name in day2 day6; do
        rm -f back.jsonl
        "$VARVE" restore Orders --backup "$name" --to back.jsonl -q 2> errors || fail "$name beside writers"
        same "$name.jsonl" back.jsonl
        reads=$((reads + 1))
    done
done
wait "$writer" || { cat writer-errors >&2; fail "a writer beside readers"; }
whole "after readers and writers" day1 day2 day6
ok "$reads restores beside backups and prunes"
