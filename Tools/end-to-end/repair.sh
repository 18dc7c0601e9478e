#!/usr/bin/env bash
# repair: what is damaged comes from a replica; without one what is sound stays, and the rest is told.
source "$(dirname "$0")/common.sh"

READER=$ROOT/Tools/varve_reader.py
orders 20000 > monday.jsonl
orders 20000 1 > tuesday.jsonl
orders 20000 2 > wednesday.jsonl
"$VARVE" init -q
for day in monday tuesday wednesday; do
    "$VARVE" backup Orders $day.jsonl --name $day "${KEYS[@]}" -q \
        --time "$(date -u -d "2024-01-01 + $(grep -n $day <<< $'monday\ntuesday\nwednesday' | cut -d: -f1) days" +%FT%TZ)"
done
"$VARVE" copy --from repository -r replica -q
cp -r repository whole

fresh() { rm -rf repository ./*.out.jsonl; cp -r whole repository; }
# flip FILE [OFFSET]: one bit, in the middle unless said otherwise.
flip() {
    python3 - "$@" <<'PYTHON'
import os, sys
path = sys.argv[1]
os.chmod(path, 0o644)
with open(path, "r+b") as file:
    file.seek(int(sys.argv[2]) if len(sys.argv) > 2 else os.path.getsize(path) // 2)
    byte = file.read(1); file.seek(-1, 1); file.write(bytes([byte[0] ^ 1]))
PYTHON
}
# whole WHAT: both programs find the repository whole, and every backup comes back.
whole() {
    "$VARVE" verify --read-data --restore all -q > output 2> errors || fail "$1: not whole"
    python3 "$READER" verify repository > output || fail "$1: the reader finds damage"
    for day in monday tuesday wednesday; do
        "$VARVE" restore Orders --backup $day --to $day.out.jsonl -q 2> errors || fail "$1: no $day"
        same $day.jsonl $day.out.jsonl
    done
    ok "$1: all is there"
}
pack() { ls -S repository/packs/*/* | head -1; }

before=$(objects)
run 0 "nothing to repair" repair
says "nothing to repair"
[ "$(objects)" = "$before" ] || fail "a repair changed a repository that is whole"

rm repository/indexes/*
run 0 "indexes from packs alone" repair
whole "without indexes"
fresh
for index in repository/indexes/*; do flip "$index"; done
run 0 "damaged indexes" repair --json
json 'it["clean"] and "madeIndex" in {a["kind"] for a in it["actions"]}'
whole "with damaged indexes"

# Beside a recorder it refuses; one that is gone does not count.
fresh
mkfifo changes
"$VARVE" record Live - "${KEYS[@]}" < changes > live.log 2>&1 &
recorder=$!
exec 3> changes
echo '{"Metadata":{"WriteTimestampMicros":{"N":"1758794400000000"}},"Keys":{"InvoiceNo":{"S":"1"},"Line":{"N":"1"}},"NewImage":{"InvoiceNo":{"S":"1"},"Line":{"N":"1"}}}' >&3
for _ in $(seq 50); do
    if ls repository/tables/*/lease > /dev/null 2>&1; then break; fi
    sleep 0.1
done
run 1 "beside a recorder repair refuses" repair
complains "a recorder of table Live"
run 0 "unless it is told otherwise" repair --force
run 0 "a dry run does not mind" repair --dry-run
kill -9 "$recorder"
exec 3>&-
wait "$recorder" || true
run 0 "a recorder that is gone does not count" repair

for damage in 'flip "$(pack)"' 'rm "$(pack)"' 'flip repository/tables/*/table' 'rm repository/tables/*/table' \
    'rm repository/tables/*/commits/*1' 'flip repository/tables/*/commits/*2' \
    'flip "$(ls repository/tables/*/backups/* | head -1)"' 'flip repository/config 80' 'rm repository/config' \
    'truncate -s 500 "$(pack)"' 'rm -r repository/packs repository/indexes'; do
    fresh
    eval "$damage"
    before=$(objects)
    run 0 "a dry run with a replica: $damage" repair --from replica --dry-run --json
    json 'it["dryRun"] and it["clean"] and it["actions"]'
    [ "$(objects)" = "$before" ] || fail "the dry run changed the repository"
    run 0 "with a replica" repair --from replica
    says "nothing is lost"
    whole "$damage"
done

# Without a replica: what is sound stays, what is lost is told.
fresh
flip "$(pack)" 2000
run 20 "a damaged page is told in the table's terms" repair
says "lost: table Orders, image of 2024-01-02T00:00:00Z"
[ -e repository/damaged/packs ] || fail "the damaged pack was thrown away"
run 20 "verify says so, too" verify --read-data
says "Orders"
fresh
rm repository/tables/*/commits/*1
run 20 "a hole in the chain: a dry run" repair --dry-run
says "laid out"
run 20 "a hole in the chain" repair
says "after 2024-01-02T00:00:00Z"
run 0 "what lies before it comes back" restore Orders --backup monday --to monday.out.jsonl
same monday.jsonl monday.out.jsonl
run 0 "the lost backups are forgotten" forget Orders tuesday wednesday
run 0 "then it is whole" verify --read-data --restore all
python3 "$READER" verify repository > output || fail "the reader finds damage in what was laid out anew"
ok "the reader says so, too"
run 0 "and can be used" backup Orders wednesday.jsonl --name again --time 2024-01-05T00:00:00Z
run 0 "with what came" restore Orders --backup again --to again.out.jsonl
same wednesday.jsonl again.out.jsonl
run 0 "and pruned" prune --grace 0s
run 0 "whole" verify --read-data --restore all

fresh
rm repository/config
run 20 "no configuration, no replica" repair
complains "--from"
"$VARVE" init -q -r other
run 1 "no replica of this one" repair --from other
complains "no replica"
run 10 "nothing to repair there" repair -r nowhere

echo "1..$CHECKS"
