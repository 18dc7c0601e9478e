#!/usr/bin/env bash
# copy: a second repository that has everything, and only ever gets what it lacks.
source "$(dirname "$0")/common.sh"

READER=$ROOT/Tools/varve_reader.py
orders 20000 > monday.jsonl
orders 20000 1 > tuesday.jsonl
orders 20000 2 > other.jsonl
orders 500 > small.jsonl
SOURCE=$HERE/source
replica=$VARVE_REPOSITORY
"$VARVE" init -q -r source
"$VARVE" backup Orders monday.jsonl -r source --name monday "${KEYS[@]}" -q --time 2024-01-01T00:00:00Z
"$VARVE" backup Small small.jsonl -r source --name small "${KEYS[@]}" -q --time 2024-01-01T00:00:00Z

run 0 "a dry run tells what would be brought" copy --from source --dry-run --json
json 'it["dryRun"] and it["made"] and [t["new"] for t in it["tables"]] == [True, True]'
[ ! -e "$replica" ] || fail "the dry run made the replica"
run 0 "one table only" copy Small --from source
says "table Small (new)"
run 0 "everything" copy --from source --json
json 'it["complete"] and {t["table"]: t["new"] for t in it["tables"]} == {"Orders": True, "Small": False}'
first=$(python3 -c 'import json; print(sum(t["bytes"] for t in json.load(open("output"))["tables"]))')
before=$(objects)
run 0 "once more" copy --from source --json
json 'all(t["upToDate"] for t in it["tables"])'
[ "$(objects)" = "$before" ] || fail "a copy that has nothing to do changed the replica"
run 0 "the replica is whole" verify --read-data --decode --restore all --every-second
python3 "$READER" verify "$replica" > /dev/null || fail "the reader finds the replica damaged"
ok "the reader says so too"
run 0 "the head is the same" head Orders
cp output head
"$VARVE" head Orders -r source > output
cmp -s output head || fail "the heads differ"

"$VARVE" backup Orders tuesday.jsonl -r source --name tuesday -q --time 2024-01-02T00:00:00Z
run 0 "only what is missing" copy --from source --json
json "sum(t['bytes'] for t in it['tables']) * 5 < $first and it['tables'][0]['commits'] == 1"
for day in monday tuesday; do
    run 0 "$day comes back" restore Orders --backup $day --to $day.out.jsonl
    same $day.jsonl $day.out.jsonl
    python3 "$READER" restore "$replica" Orders --backup $day > $day.reader.jsonl
    same $day.jsonl $day.reader.jsonl
    ok "by the reader too"
done

"$VARVE" forget Orders monday -r source -q
"$VARVE" prune -r source --grace 0s -q
run 0 "the source forgets and prunes" copy --from source
run 0 "the replica does not" restore Orders --backup monday --to monday.again.jsonl
same monday.jsonl monday.again.jsonl

# Killed at any moment it leaves a sound replica, and the next run goes on.
for delay in 0.01 0.02 0.04 0.06 0.1 0.2; do
    rm -rf killed
    "$VARVE" copy --from source -r killed > /dev/null 2>&1 & pid=$!
    sleep $delay
    kill -9 $pid 2> /dev/null || true
    wait $pid 2> /dev/null || true
    if [ -e killed/config ]; then
        "$VARVE" verify -r killed --read-data -q > output 2> errors || fail "killed after $delay s: damaged"
    fi
    "$VARVE" copy --from source -r killed --init -q 2> errors || fail "killed after $delay s: it cannot go on"
    "$VARVE" verify -r killed --read-data --restore all -q > output 2> errors || fail "not whole after $delay s"
done
ok "killed and run again"

mkdir empty
run 1 "an empty directory may be a disk that is not mounted" copy --from source -r empty
complains "--init"
run 0 "unless one says so" copy --from source -r empty --init -q
"$VARVE" init -q -r other
run 0 "an empty repository becomes a replica" copy --from source -r other -q
"$VARVE" init -q -r third
"$VARVE" backup Orders small.jsonl -r third --name own "${KEYS[@]}" -q
run 1 "one with contents does not" copy --from source -r third
complains "another repository"
run 1 "an unknown table" copy Nobody --from source
complains "it has: Orders, Small"
run 2 "a copy onto itself" copy --from source -r source
run 2 "a copy into its source" copy --from source -r source/replica --init
complains "inside"
[ ! -e source/replica ] || fail "the copy was made all the same"
ln -s source/tables link
run 2 "a copy into its source by a link" copy --from source -r link/replica
mkdir outer && cp -r source outer/inner
run 2 "a copy around its source" copy --from outer/inner -r outer --init
mkdir full && touch full/letters.txt
run 1 "a copy into a directory that holds something" copy --from source -r full --init
complains "letters.txt"
run 10 "no source" copy --from nowhere

# A replica with a history of its own.
"$VARVE" backup Orders other.jsonl -r other --name own -q --time 2024-01-03T00:00:00Z
"$VARVE" backup Orders monday.jsonl -r source --name wednesday -q --time 2024-01-03T00:00:00Z
"$VARVE" backup Small small.jsonl -r source --name again -q --time 2024-01-03T00:00:00Z
run 1 "a history of its own is refused" copy --from source -r other --json
json '[("error" in t) for t in it["tables"]] == [True, False] and it["tables"][1]["commits"] == 1'
run 0 "and left alone" restore Orders --backup own -r other --to own.jsonl
same other.jsonl own.jsonl

# Damage in the source does not spread.
pack=$(ls -S source/packs/*/* | head -1)
python3 - "$pack" <<'PYTHON'
import os, sys
os.chmod(sys.argv[1], 0o644)
with open(sys.argv[1], "r+b") as file:
    file.seek(2000); byte = file.read(1); file.seek(2000); file.write(bytes([byte[0] ^ 1]))
PYTHON
run 20 "damage in the source is told" copy --from source -r fresh
complains "blob"
run 0 "and stays there" verify -r fresh --read-data

echo "1..$CHECKS"
