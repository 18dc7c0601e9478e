#!/usr/bin/env bash
# How long history stays: windows, thinning, what prune says and frees, compaction, what is told.
source "$(dirname "$0")/common.sh"

export XDG_CACHE_HOME=$HERE/cache
cat > history.py <<'PYTHON'
"""history.py changes FILE DAYS END: two changes an hour, up to END.  history.py state FILE SECOND."""
import hashlib, json, sys
def changes(path, days, end):
    items = {}
    with open(path, "w") as file:
        for number in range(days * 48):
            second = end - (days * 48 - number) * 1800
            line = hashlib.sha256(b"%d" % number).digest()[0] % 80
            keys = {"InvoiceNo": {"S": f"I{line // 5}"}, "Line": {"N": str(line % 5)}}
            record = {"Metadata": {"WriteTimestampMicros": {"N": str(second * 1_000_000 + 250_000)}},
                      "Keys": keys}
            if line in items:
                record["OldImage"] = items.pop(line)
            if number % 9:
                noise = "".join(hashlib.sha256(b"%d %d" % (number, part)).hexdigest() for part in range(16))
                items[line] = record["NewImage"] = {**keys, "Note": {"S": noise}, "Number": {"N": str(number)}}
            elif "OldImage" not in record:
                continue
            print(json.dumps(record), file=file)
def state(path, second):
    items = {}
    for line in open(path):
        record = json.loads(line)
        if int(record["Metadata"]["WriteTimestampMicros"]["N"]) < second * 1_000_000:
            items[json.dumps(record["Keys"])] = record.get("NewImage")
    for item in items.values():
        if item:
            print(json.dumps({"Item": item}))
if sys.argv[1] == "changes":
    changes(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    state(sys.argv[2], int(sys.argv[3]))
PYTHON

# is SECOND: the state at a second is a replay's.
is() {
    python3 history.py state changes.jsonl "$1" > expected.jsonl
    rm -f restored.jsonl
    varve restore Orders --at "$1" --to restored.jsonl > restore.log 2>&1 || fail "second $1: $(cat restore.log)"
    same expected.jsonl restored.jsonl
}
# packs: bytes of all packs.
packs() { find "$VARVE_REPOSITORY/packs" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
DAY=86400
NOW=$(date +%s)
END=$((NOW / 3600 * 3600 - 3600))
python3 history.py changes changes.jsonl 60 "$END"

run 0 "init" init
split -n l/3 --additional-suffix=.jsonl changes.jsonl part-
for part in part-*.jsonl; do run 0 "a third of sixty days of history" record Orders "$part" "${KEYS[@]}"; done
OLD=$((END - 55 * DAY)) MIDDLE=$((END - 50 * DAY - 1234)) YOUNG=$((END - 20 * DAY - 1234))
for second in $OLD $MIDDLE $YOUNG $((END - 1799)); do is "$second"; done
ok "any second of them comes back"

# What is there.
run 0 "tables" tables
says "every second"
run 0 "as JSON" tables --json
json 'it[0]["restorable"][0]["everySecond"] and it[0]["gaps"] == [] and 3000 < it[0]["ageSeconds"] < 10000'
run 0 "stats" stats
says "HISTORY"
says "A shorter window of Orders would free at least"
run 0 "as JSON" stats --json
json '59 <= len(it["tables"][0]["history"]["days"]) <= 61'
json 'sum(d["changes"] for d in it["tables"][0]["history"]["days"]) == it["tables"][0]["history"]["changes"]'
json '[w["days"] for w in it["tables"][0]["history"]["windows"]] == [1, 2, 7, 14, 35]'
json 'all(a["freedBytes"] > b["freedBytes"] > 0 for a, b in zip(it["tables"][0]["history"]["windows"], it["tables"][0]["history"]["windows"][1:]))'

# Nothing is promised: nothing goes.
run 0 "retention says so" retention Orders
says "all of its history stays"
run 0 "prune then" prune --grace 0s --json
json 'not it["tables"][0]["isLaidOut"] and it["tables"][0]["statesBefore"] == it["tables"][0]["statesAfter"]'
is "$OLD"

# Compaction by hand.
run 0 "compact" compact --json
json 'it["tables"][0]["coveredCommits"] >= 0 and "rewrittenChanges" in it["tables"][0]'
for second in $OLD $MIDDLE $YOUNG; do is "$second"; done
ok "changes no state"

# A window, and thinning before it.
run 0 "a backup of a second long ago" backup Orders --at "$OLD" --name old
run 2 "not so many days" retention Orders --days 99999999
run 0 "a promise" retention Orders --days 35 --keep-daily 90
says "35 days"
run 0 "as JSON" retention Orders --json
json 'it["days"] == 35 and it["keepDaily"] == 90 and not it["keepsEverything"]'
before=$(objects)
run 0 "prune as a trial" prune --dry-run
says "every second"
says "at checkpoints"
run 0 "as JSON" prune --dry-run --json
json 'it["dryRun"] and it["tables"][0]["statesAfter"] < it["tables"][0]["statesBefore"] and it["tables"][0]["isLaidOut"]'
[ "$before" = "$(objects)" ] || fail "a trial changed the repository"
size=$(packs)
run 0 "prune" prune
complains "will go; what stays"
[ "$(packs)" -ge "$size" ] || fail "something was freed before the grace was over"
is "$YOUNG"
is "$((END - 34 * DAY - 77))"
run 1 "a second between what is kept" restore Orders --at "$MIDDLE" --to no.jsonl
complains "the nearest"
nearest=$(grep -oE '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z' errors | tail -2)
[ "$(wc -w <<< "$nearest")" -eq 2 ] || fail "it does not name two instants: $nearest"
for instant in $nearest; do is "$(date -u -d "$instant" +%s)"; done
ok "what it names comes back"
rm -f restored.jsonl
run 0 "the backup outlives its history" restore Orders --backup old --to restored.jsonl
python3 history.py state changes.jsonl "$OLD" > expected.jsonl
same expected.jsonl restored.jsonl
run 0 "prune without grace" prune --grace 0s --json
json 'it["deletedPacks"] > 0 and not it["tables"][0]["isLaidOut"]'
[ "$(packs)" -lt "$size" ] || fail "nothing was freed: $size bytes, then $(packs)"
run 0 "and nothing is left to do" prune --grace 0s --json
json 'it["deletedPacks"] == 0 and it["condemnedPacks"] == 0'
run 0 "all of it is sound" verify --read-data --restore all

# Less is promised: only on purpose.
run 0 "a shorter promise" retention Orders --days 7 --keep-daily 3
says "--allow-shrink"
run 0 "frees nothing" prune --grace 0s --json
json 'not it["tables"][0]["isLaidOut"] and len(it["tables"][0]["notes"]) == 1'
is "$YOUNG"
run 0 "until it is meant" prune --grace 0s --allow-shrink --json
json 'it["tables"][0]["isLaidOut"]'
run 1 "then it is gone" restore Orders --at "$YOUNG" --to no.jsonl
is "$((END - 6 * DAY))"
run 0 "agreed for good" prune --grace 0s --json
json 'all("newest commit" in note for note in it["tables"][0]["notes"])'
rm -f restored.jsonl
run 0 "the backup still stands" restore Orders --backup old --to restored.jsonl
python3 history.py state changes.jsonl "$OLD" > expected.jsonl
same expected.jsonl restored.jsonl
run 0 "forgotten" forget Orders old
run 0 "it goes" prune --grace 0s
run 1 "and is no more" restore Orders --at "$OLD" --to no.jsonl

# It goes on, and the other program agrees.
cp changes.jsonl more.jsonl
python3 history.py changes longer.jsonl 60 "$((END + 1800))"
tail -n 1 longer.jsonl > last.jsonl
python3 - <<'PYTHON'
import json
record = json.loads(open("last.jsonl").read())
record.pop("OldImage", None)
record["Keys"]["InvoiceNo"]["S"] = record["NewImage"]["InvoiceNo"]["S"] = "new" if "NewImage" in record else "none"
open("last.jsonl", "w").write(json.dumps(record) + "\n")
PYTHON
cat last.jsonl >> changes.jsonl
run 0 "recording goes on" record Orders last.jsonl
is "$((END - 3600))"
is "$END"
rm -f restored.jsonl
python3 "$ROOT/Tools/varve_reader.py" restore "$VARVE_REPOSITORY" Orders --at "$((END - 2 * DAY))" > restored.jsonl 2> errors ||
    fail "the reader cannot restore: $(cat errors)"
python3 history.py state changes.jsonl "$((END - 2 * DAY))" > expected.jsonl
same expected.jsonl restored.jsonl
python3 "$ROOT/Tools/varve_reader.py" verify "$VARVE_REPOSITORY" > output 2> errors || fail "the reader finds damage"
ok "the other program agrees"
run 0 "all of it is sound" verify --read-data --restore all

# While a pipe feeds a recorder, it lays out by itself what it has recorded.
cat > feed.py <<'PYTHON'
import json, sys, time
try:
    for number in range(900):
        keys = {"Id": {"S": str(number % 50)}}
        print(json.dumps({"Metadata": {"WriteTimestampMicros": {"N": str((1_750_000_000 + number) * 1_000_000)}},
                          "Keys": keys, "NewImage": {**keys, "N": {"N": str(number)}}}), flush=True)
        time.sleep(0.012)
except BrokenPipeError:
    pass
PYTHON
python3 feed.py | "$VARVE" record Live - --partition-key Id:S --flush-seconds 0 --json > output 2> errors ||
    fail "recording from the pipe"
python3 - <<'PYTHON' || fail "recording did not lay out what it recorded"
import json
last = json.loads(open("output").readlines()[-1])
commits = last["tables"][0]["commits"]
assert commits > 300, commits
assert last["compaction"]["layouts"] >= 1 and "failure" not in last["compaction"], last
PYTHON
live=$("$VARVE" tables --json | python3 -c 'import json,sys; print(next(t["tableId"] for t in json.load(sys.stdin) if t["table"] == "Live"))')
[ "$(ls "$VARVE_REPOSITORY/tables/$live/commits" | wc -l)" -le 256 ] || fail "commits are left"
ok "recording lays out by itself what it has recorded"
run 0 "an empty policy" retention Live --days 0
says "all of its history stays"
run 0 "drops nothing" prune --grace 0s --allow-shrink --json
json 'all(t["statesBefore"] == t["statesAfter"] for t in it["tables"] if t["table"] == "Live")'
run 0 "whatever is promised after it" retention Live --days 1
run 0 "until that is meant" prune --dry-run --json
json 'all(len(t["notes"]) == 1 and not t["isLaidOut"] for t in it["tables"] if t["table"] == "Live")'
run 0 "all of it is sound" verify --read-data
