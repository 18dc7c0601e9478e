#!/usr/bin/env bash
# diff, verify, prune, stats: what keeps an archive trustworthy and small.
source "$(dirname "$0")/common.sh"

orders 20000 > monday.jsonl
orders 20000 1 > tuesday.jsonl
head -19990 tuesday.jsonl > wednesday.jsonl
"$VARVE" init -q
for day in monday tuesday wednesday; do
    "$VARVE" backup Orders $day.jsonl --name $day "${KEYS[@]}" -q \
        --time "$(date -u -d "2024-01-01 + $(grep -n $day <<< $'monday\ntuesday\nwednesday' | cut -d: -f1) days" +%FT%TZ)"
done

run 0 "diff counts" diff Orders monday tuesday --summary --json
json 'it["replaced"] == 2000 and it["added"] == 0 and it["removed"] == 0'
run 0 "diff tells each change" diff Orders tuesday wednesday
[ "$(wc -l < output)" -eq 10 ] || fail "10 changes were expected"
python3 -c '
import json
for line in open("output"):
    record = json.loads(line)
    assert set(record) == {"Metadata", "Keys", "OldImage"}, record
    assert set(record["Keys"]) == {"InvoiceNo", "Line"}'
ok "as records of an incremental export"
run 0 "diff with a file" diff Orders monday tuesday.jsonl --summary --json
json 'it["replaced"] == 2000'
run 0 "nothing changed" diff Orders tuesday tuesday.jsonl
[ ! -s output ] || fail "a difference was told where there is none"
run 0 "diff with standard input" diff Orders monday - --summary --json < tuesday.jsonl
json 'it["replaced"] == 2000'
run 3 "both from standard input" diff Orders - - < tuesday.jsonl
run 1 "diff of something unknown" diff Orders monday friday
run 3 "diff of two files" diff Orders monday.jsonl tuesday.jsonl

run 0 "verify the structure" verify
says "no problems"
"$VARVE" head Orders -q > head-of-orders
run 0 "head and anchor fit" verify --anchor "$(cat head-of-orders)"
run 2 "an anchor that is none" verify --anchor nonsense
run 0 "verify all data and all states" verify --read-data --decode --restore all --json
json 'it["clean"] and it["counts"]["states"] == 3 and all(b["proven"] for b in it["backups"])'
run 0 "under restic's name, a part" check --read-data-subset 1/2
run 0 "a share" check --read-data-subset 50% --restore tuesday
run 2 "a part that is none" verify --read-data-subset 3/2
run 1 "a backup that is none" verify --restore friday

run 0 "stats" stats
run 0 "stats as JSON" stats --json
json 'len(it["tables"]) == 1'

rm -rf repository/temporary
run 0 "prune tells what it would do" prune --dry-run --json
[ ! -e repository/temporary ] || fail "a dry run of prune wrote something"
json 'it["dryRun"] and it["tables"][0]["statesAfter"] == 3'
"$VARVE" forget Orders monday -q
run 0 "prune" prune --grace 0s --json
json 'it["tables"][0]["statesBefore"] == 3 and it["tables"][0]["statesAfter"] == 2'
run 0 "what was kept is whole" verify --read-data --restore all
run 0 "and comes back" restore Orders --backup wednesday --to out.jsonl
same wednesday.jsonl out.jsonl

pack=$(find repository/packs -type f | head -1)
cp "$pack" saved
python3 - "$pack" <<'PYTHON'
import os, sys
os.chmod(sys.argv[1], 0o644)
with open(sys.argv[1], "r+b") as file:
    file.seek(2000); byte = file.read(1); file.seek(2000); file.write(bytes([byte[0] ^ 1]))
PYTHON
run 20 "damage is found" verify --read-data
says "affected backups"
run 20 "as JSON" verify --read-data --json
json 'not it["clean"] and it["problems"] and it["damages"]'
run 20 "a restore of damaged data makes no target" restore Orders --latest --to damaged.jsonl
[ ! -e damaged.jsonl ] || fail "a damaged restore left its target"
cp saved "$pack"
run 0 "repaired" verify --read-data --restore all

rm -rf repository/temporary
run 0 "repair tells what it would do" repair --dry-run
[ ! -e repository/temporary ] || fail "a dry run of repair wrote something"

# Rules look only at what stays: what prune deletes by itself stands for nothing.
for number in 1 2 3; do
    "$VARVE" backup Rules monday.jsonl --name lasting-$number "${KEYS[@]}" -q --time 2024-02-0${number}T00:00:00Z
    "$VARVE" backup Rules tuesday.jsonl --name short-$number -q --keep-for 1s --time 2024-03-0${number}T00:00:00Z
done
sleep 1.1
run 0 "forget and prune in one" forget --keep-last 1 --prune --json
json '[t for t in it["tables"] if t["table"] == "Rules"][0]["kept"][0]["name"] == "lasting-3"'
json 'it["prune"] is not None'
run 0 "what the rules keep stays" restore Rules --backup lasting-3 --to lasting.jsonl
same monday.jsonl lasting.jsonl
"$VARVE" backup Gone monday.jsonl --name only "${KEYS[@]}" -q --keep-for 1s
sleep 1.1
run 0 "prune says that nothing will be left" prune --dry-run
says "no state of this table"
run 0 "and that nothing is" prune
says "no state of this table"
complains "no state of this table"
