#!/usr/bin/env bash
# Tables of which nothing comes: with --unchanged-after their histories move on.
source "$(dirname "$0")/common.sh"

export XDG_CACHE_HOME=$HERE/cache
READER=$ROOT/Tools/varve_reader.py
run 0 "init" init
# Config changes once, Orders each minute of the hour after that.
python3 - <<'PYTHON' > all.jsonl
import json
def change(table, second, key):
    time = {"WriteTimestampMicros": {"N": str((1758794400 + second) * 1000000)}}
    item = {"Id": {"S": key}, "At": {"N": str(second)}}
    print(json.dumps({"tableName": table, "Metadata": time, "Keys": {"Id": item["Id"]}, "NewImage": item}))
change("Config", 0, "colour")
for minute in range(60):
    change("Orders", minute * 60, f"order {minute % 7}")
PYTHON

run 2 "less than ten seconds" record --all all.jsonl --partition-key Id:S --unchanged-after 9
run 2 "less than the lateness" record --all all.jsonl --partition-key Id:S --unchanged-after 20 --lateness 30
run 0 "without it" record --all all.jsonl --partition-key Id:S
run 1 "a quiet table has no state" restore --all --at 2025-09-25T10:30:00Z --to refused
complains "table Config"
# A later run opens the quiet table by itself.
run 0 "with it" record --all all.jsonl --unchanged-after 60 --json
python3 - <<'PYTHON' >> all.jsonl
import json
item = {"Id": {"S": "order 9"}, "At": {"N": "3600"}}
print(json.dumps({"tableName": "Orders", "Metadata": {"WriteTimestampMicros": {"N": str((1758794400 + 3600) * 1000000)}},
                  "Keys": {"Id": item["Id"]}, "NewImage": item}))
PYTHON
run 0 "and a record more" record --all all.jsonl --unchanged-after 60 --json
json_lines '{t["table"]: t["to"] for t in it[-1]["tables"]} == {"Config": "2025-09-25T10:59:00Z", "Orders": "2025-09-25T11:00:01Z"}'
run 0 "all tables at one instant" restore --all --at 2025-09-25T10:30:00Z --to then
[ "$(wc -l < then/Config.jsonl)" -eq 1 ] || fail "Config is not as it was"
[ "$(wc -l < then/Orders.jsonl)" -eq 7 ] || fail "Orders is not as it was"
run 1 "beyond it nothing is known" restore Config --at 2025-09-25T10:59:01Z --to refused
complains "2025-09-25T10:59:00Z"
run 0 "every second is sound" verify --read-data --every-second
python3 "$READER" verify "$VARVE_REPOSITORY" > /dev/null || fail "the reader finds fault"
python3 "$READER" restore "$VARVE_REPOSITORY" Config --at 2025-09-25T10:45:00Z > restored.jsonl || fail "the reader does not restore it"
same restored.jsonl then/Config.jsonl
ok "the reader says so too"

# What comes after all takes the promise back.
head -1 all.jsonl | sed 's/1758794400000000/1758796400000000/; s/"0"/"1"/' > late.jsonl
run 3 "a record that comes too late" record --all late.jsonl
complains "Config"
run 1 "is missing from then on" restore Config --at 2025-09-25T10:40:00Z --to refused
run 0 "and not before" restore Config --at 2025-09-25T10:33:00Z --to before.jsonl
same before.jsonl then/Config.jsonl

# A pipe that stays open.
run 0 "another repository" init -r live
export VARVE_REPOSITORY=$HERE/live
mkfifo pipe
"$VARVE" record Live - --partition-key Id:S --unchanged-after 10 --restamp < pipe > live.log 2> errors &
recorder=$!
exec 3> pipe
head -1 all.jsonl | sed "s/Config/Live/" >&3
for _ in $(seq 60); do
    sleep 0.5
    "$VARVE" restore Live --at '11s ago' --to alive.jsonl > output 2> errors && break
done
[ -e alive.jsonl ] || fail "a quiet table does not move on: $(cat errors)"
# While it stands still it sees nothing; then it begins to count anew.
kill -STOP "$recorder"
sleep 2
kill -CONT "$recorder"
stopped=$(date +%s)
for _ in $(seq 80); do
    sleep 0.5
    rm -f later.jsonl
    "$VARVE" restore Live --at "$stopped" --to later.jsonl > output 2> errors && break
done
[ -e later.jsonl ] || fail "it does not move on behind a standstill: $(cat errors)"
exec 3>&-
wait "$recorder" || fail "the recorder ends with $?: $(cat live.log)"
ok "a pipe of which nothing comes"

echo "1..$CHECKS"
