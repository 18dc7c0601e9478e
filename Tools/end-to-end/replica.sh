#!/usr/bin/env bash
# A replica of recorded history: copied while it is recorded and laid out anew; mended from its replica.
source "$(dirname "$0")/common.sh"
source "$ROOT/Tools/end-to-end/recorded.sh"

READER=$ROOT/Tools/varve_reader.py
export XDG_CACHE_HOME=$HERE/cache
replica=$VARVE_REPOSITORY
python3 "$ROOT/Tools/data.py" changes changes.jsonl --count 6000 --lines 1500 --per-second 15
"$VARVE" init -q -r source

# Copies while a recorder and compaction are at work.
cat > feed.py <<'PYTHON'
import sys, time
for number, line in enumerate(open("changes.jsonl")):
    sys.stdout.write(line)
    if number % 200 == 199:
        sys.stdout.flush()
        time.sleep(0.15)
PYTHON
python3 feed.py | "$VARVE" record Orders - -r source "${KEYS[@]}" -q --flush-seconds 0 & recorder=$!
copies=0 brought=0
while kill -0 $recorder 2> /dev/null; do
    if [ -e source/tables ]; then
        "$VARVE" copy --from source --json > output 2> errors || fail "a copy beside a recorder"
        brought=$((brought + $(python3 -c 'import json; print(sum(t["commits"] for t in json.load(open("output"))["tables"]))')))
        copies=$((copies + 1))
        if [ $((copies % 3)) -eq 0 ]; then "$VARVE" compact -r source -q 2> errors || fail "a compaction"; fi
    fi
    sleep 0.1
done
wait $recorder || fail "the recorder failed"
[ $copies -ge 3 ] || fail "only $copies copies were made beside the recorder"
ok "copied $copies times beside a recorder and compaction"

# checkpoints FILE: the checkpoints in a file of JSON, with as much of each digest as every layout tells.
checkpoints() {
    python3 -c '
import json, sys
for point in json.load(open(sys.argv[1])):
    print(json.dumps({name: value[:4] if name == "digest" else value for name, value in point.items()
                      if name != "digestIsWhole"}, sort_keys=True))' "$1"
}
# equal: source and replica tell the same, and the replica is whole to both programs.
equal() {
    run 0 "$1: a last copy" copy --from source
    run 0 "$1: nothing is left" copy --from source --json
    json 'it["complete"] and all(t["upToDate"] for t in it["tables"])'
    "$VARVE" checkpoints Orders -r source --json > source.json
    "$VARVE" checkpoints Orders --json > replica.json
    cmp -s <(checkpoints source.json) <(checkpoints replica.json) || fail "$1: the checkpoints differ"
    [ "$("$VARVE" head Orders -r source)" = "$("$VARVE" head Orders)" ] || fail "$1: the heads differ"
    run 0 "$1: the replica is whole" verify --read-data --restore random:12
    python3 "$READER" verify "$replica" > output 2> errors || fail "$1: the reader finds the replica damaged"
    ok "$1: to the reader, too"
}
equal "recorded"
holds Orders changes.jsonl 6000
ok "the newest state is that of all changes"

# Seconds of the past, by both programs.
python3 - > instants <<'PYTHON'
import json
stamps = [int(json.loads(line)["Metadata"]["WriteTimestampMicros"]["N"]) for line in open("changes.jsonl")]
for count in (17, 1000, 2500, 4400, 5999):
    second = stamps[count] // 1_000_000
    print(second, sum(stamp < second * 1_000_000 for stamp in stamps))
PYTHON
while read -r second count; do
    state changes.jsonl "$count" > expected.jsonl
    rm -f restored.jsonl
    "$VARVE" restore Orders --at "$second" --to restored.jsonl -q 2> errors || fail "second $second"
    same expected.jsonl restored.jsonl
    python3 "$READER" restore "$replica" Orders --at "$second" > reader.jsonl 2> errors || fail "the reader at $second"
    same expected.jsonl reader.jsonl
    ok "second $second, by both programs"
done < instants

# The source is laid out anew, and a backup is made of the past.
"$VARVE" compact -r source -q
middle=$(sed -n 3p instants | cut -d' ' -f1)
"$VARVE" backup Orders -r source --at "$middle" --name middle -q
equal "laid out anew"
run 0 "the backup of a past second comes across" restore Orders --backup middle --to middle.jsonl
state changes.jsonl "$(sed -n 3p instants | cut -d' ' -f2)" > expected.jsonl
same expected.jsonl middle.jsonl

# A lost layout, a lost commit, lost packs: the replica has them.
cp -r source whole
for damage in 'rm source/tables/*/layouts/*' 'rm -rf source/packs source/indexes' \
    'rm "$(ls source/tables/*/commits/* | head -1)"' 'truncate -s 300 "$(ls source/tables/*/layouts/* | tail -1)"'; do
    rm -rf source
    cp -r whole source
    eval "$damage"
    run 0 "mended from the replica: $damage" repair -r source --from "$replica"
    "$VARVE" copy -r source --from "$replica" -q 2> errors || fail "what nothing tells of comes with a copy"
    "$VARVE" verify -r source --read-data --restore random:6 -q > output 2> errors || fail "$damage: not whole"
    "$VARVE" checkpoints Orders -r source --json > source.json
    cmp -s <(checkpoints source.json) <(checkpoints replica.json) || fail "$damage: the checkpoints differ"
done

# Recording goes on from a replica that takes the place of a lost source.
rm -rf source whole cache
python3 "$ROOT/Tools/data.py" changes longer.jsonl --count 7000 --lines 1500 --per-second 15
run 0 "a replica takes over" record Orders longer.jsonl
holds Orders longer.jsonl 7000
run 0 "and is whole" verify --read-data

echo "1..$CHECKS"
