#!/usr/bin/env bash
# Recording changes: files, pipes, kill -9 in a loop, what is malformed or contradicts, two at once.
source "$(dirname "$0")/common.sh"

export XDG_CACHE_HOME=$HERE/cache
run 0 "init" init
python3 "$ROOT/Tools/data.py" changes changes.jsonl --count 6000 --lines 2000 --per-second 40

source "$ROOT/Tools/end-to-end/recorded.sh"

run 3 "a new table needs its key attributes" record Orders changes.jsonl
complains "--partition-key"
run 2 "and changes" record Orders
run 0 "a file of changes" record Orders changes.jsonl "${KEYS[@]}"
says "recorded 6,000 changes"
holds Orders changes.jsonl 6000
ok "the newest state is theirs"
before=$(objects)
run 0 "the same file again" record Orders changes.jsonl --json
json_lines 'it[-1]["tables"][0]["recorded"] == 0 and it[-1]["records"] == 0'
[ "$before" = "$(objects)" ] || fail "recording nothing changed the repository"
cp changes.jsonl copy.jsonl; rm -rf cache; sed -i '1d' copy.jsonl
run 0 "the same changes from another file, without the cache" record Orders copy.jsonl --json
json_lines 'it[-1]["tables"][0]["recorded"] == 0 and it[-1]["tables"][0]["known"] == 5999'
[ "$before" = "$(objects)" ] || fail "changes that are known changed the repository"

# A file that grows, and its forms.
head -n 3000 changes.jsonl > grown.jsonl
run 0 "the first half" record Grown grown.jsonl "${KEYS[@]}"
tail -n +3001 changes.jsonl >> grown.jsonl
run 0 "and what came behind it" record Grown grown.jsonl --json
json_lines 'it[-1]["records"] == 3000 and it[-1]["tables"][0]["recorded"] == 3000'
holds Grown changes.jsonl 6000
for form in streams kinesis envelope; do
    python3 "$ROOT/Tools/data.py" changes "$form.jsonl" --count 3000 --lines 1000 --form "$form" --table "$form"
    gzip -k "$form.jsonl"
done
python3 "$ROOT/Tools/data.py" changes plain.jsonl --count 3000 --lines 1000
run 0 "many tables at once" record --all streams.jsonl.gz kinesis.jsonl envelope.jsonl "${KEYS[@]}"
for table in streams kinesis envelope; do holds "$table" plain.jsonl 3000; done
ok "and all forms tell the same"
before=$(objects)
run 0 "many tables again" record --all streams.jsonl.gz kinesis.jsonl envelope.jsonl --json
json_lines 'it[-1]["records"] == 0'
run 0 "records of other tables are left out" record Other kinesis.jsonl "${KEYS[@]}"
says "left out"
[ "$before" = "$(objects)" ] || fail "it changed the repository"

# kill -9, again and again, while a pipe feeds it; whoever feeds it sends all of it again.
cat > feed.py <<'PYTHON'
import sys, time
with open("changes.jsonl", "rb") as file:
    lines = file.readlines()
try:
    for start in range(0, len(lines), 200):
        sys.stdout.buffer.write(b"".join(lines[start:start + 200]))
        sys.stdout.buffer.flush()
        time.sleep(0.01)
except BrokenPipeError:
    pass
PYTHON
kills=0
for round in 1 2 3 4 5 6 7 8; do
    python3 feed.py 2> /dev/null | "$VARVE" record Killed - "${KEYS[@]}" --flush-seconds 0 > output 2> errors &
    recorder=$!
    sleep "0.$((round % 4 + 1))"
    if kill -9 "$recorder" 2> /dev/null; then kills=$((kills + 1)); fi
    wait "$recorder" 2> /dev/null || true
done
[ "$kills" -ge 4 ] || fail "only $kills recorders were killed"
run 0 "after $kills times kill -9, the whole of it once more" \
    record Killed changes.jsonl "${KEYS[@]}"
holds Killed changes.jsonl 6000
run 0 "and every second proves itself" verify --read-data --every-second --json
json 'it["counts"]["statesReplayed"] > 10 and it["counts"]["rowsReplayed"] > 12000'

# A pipe that stays open: what has come is committed by the clock.
mkfifo pipe
"$VARVE" record Live - "${KEYS[@]}" --restamp --json < pipe > live.log 2> errors &
recorder=$!
exec 3> pipe
head -n 50 changes.jsonl >&3
for _ in $(seq 60); do
    if grep -q '"recorded":50' live.log; then break; fi
    sleep 0.1
done
grep -q '"recorded":50' live.log || fail "nothing was committed while the pipe stayed open"
ok "a pipe that stays open is committed by the clock"
sed -n '51,80p' changes.jsonl >&3
sleep 0.3
kill -TERM "$recorder"
status=0
wait "$recorder" || status=$?
exec 3>&-
[ "$status" -eq 0 ] || fail "exit status $status after SIGTERM"
holds Live changes.jsonl 80
ok "SIGTERM commits what has come"

# A recorder that is stopped for a while finds what has come meanwhile, and takes it for what it is.
cat > flow.py <<'PYTHON'
import sys, time
start, number = time.time(), 0
while time.time() < start + 6:
    while start + number / 100 < time.time():
        micros = int((start + number / 100) * 1e6)
        print('{"Metadata":{"WriteTimestampMicros":{"N":"%d"}},"Keys":{"InvoiceNo":{"S":"%d"},"Line":{"N":"1"}},'
              '"NewImage":{"InvoiceNo":{"S":"%d"},"Line":{"N":"1"}}}' % (micros, number, number), flush=True)
        number += 1
    time.sleep(0.005)
PYTHON
"$VARVE" record Stopped <(python3 flow.py) "${KEYS[@]}" --json > stopped.log 2> errors &
recorder=$!
sleep 1.3
kill -STOP "$recorder"
sleep 2
kill -CONT "$recorder"
wait "$recorder" || fail "the recorder that was stopped: $(tail -1 stopped.log)"
ok "a recorder that was stopped for a while goes on"

# What cannot be recorded.
head -n 1000 changes.jsonl > broken.jsonl
echo '{"Keys": broken' >> broken.jsonl
tail -n +1001 changes.jsonl >> broken.jsonl
run 3 "a malformed record" record Broken broken.jsonl "${KEYS[@]}"
complains "broken.jsonl: line 1001"
# It may have been of the second under way, which is therefore not complete.
[ "$(wc -l < Broken.rejects.jsonl)" -eq 5041 ] || fail "$(wc -l < Broken.rejects.jsonl) rejects"
holds Broken changes.jsonl 960
run 1 "nothing more can be recorded" record Broken changes.jsonl
complains "full copy"
state changes.jsonl 2000 > copy.jsonl
run 0 "a full copy begins a new range" backup Broken copy.jsonl --name again --time 2025-09-25T10:00:50Z
run 0 "from which it goes on" record Broken changes.jsonl
holds Broken changes.jsonl 6000
python3 - <<'PYTHON'
import json
with open("changes.jsonl") as file, open("contradicting.jsonl", "w") as out:
    for number, line in enumerate(file):
        if number >= 2000 and '"OldImage"' in line and number % 100 == 7:
            record = json.loads(line)
            record["OldImage"]["Country"] = {"S": "Nowhere"}
            line = json.dumps(record) + "\n"
        out.write(line)
PYTHON
echo '{"Keys": broken' > nothing.jsonl
run 3 "nothing but a malformed record" record Nothing nothing.jsonl "${KEYS[@]}"
says "nothing was recorded: the one record that came could not be"
says "why      nothing.jsonl: line 1"
says "rejects  Nothing.rejects.jsonl"
says "table Nothing was not made"
[ "$(wc -l < Nothing.rejects.jsonl)" -eq 1 ] || fail "$(wc -l < Nothing.rejects.jsonl) rejects"
run 3 "the same as JSON" record Nothing nothing.jsonl "${KEYS[@]}" --json
json_lines 'it[-1]["rejected"] == 1 and it[-1]["unmadeTables"] == ["Nothing"] and "line 1" in it[-1]["firstRejected"]["place"]'
run 0 "no table is made for it" tables
! grep -q Nothing output || fail "a table was made"
run 1 "a rejects file on a full disk" record Nothing nothing.jsonl "${KEYS[@]}" --rejects /dev/full
complains "/dev/full: 1 rejected record is not in the rejects file"
status=0
"$VARVE" record Reader changes.jsonl "${KEYS[@]}" --json 2> errors | true || status=${PIPESTATUS[0]}
[ "$status" -eq 141 ] || [ "$status" -eq 0 ] || fail "a reader that goes away: exit status $status"
run 3 "an old image that is another item" record Contradicting contradicting.jsonl "${KEYS[@]}"
complains "old image"
grep -q Nowhere Contradicting.rejects.jsonl || fail "the rejects file lacks the record"
head -n 100 changes.jsonl > late.jsonl
sed -n '50p' changes.jsonl | sed 's/"Quantity":{"N":"[^"]*"}/"Quantity":{"N":"77777"}/' >> late.jsonl
run 3 "a change that comes too late" record Late late.jsonl "${KEYS[@]}"
complains "too late"
head -c 5000 changes.jsonl > cut.jsonl
run 3 "a source that is cut off" record Cut cut.jsonl "${KEYS[@]}"
complains "ends within a record"
head -c 50000 changes.jsonl > cut.jsonl
run 3 "goes on when it has grown" record Cut cut.jsonl
cp changes.jsonl cut.jsonl
run 0 "and is complete at its end" record Cut cut.jsonl
holds Cut changes.jsonl 6000

# Two recorders of one table.
mkfifo first
"$VARVE" record Twice - "${KEYS[@]}" < first > first.log 2>&1 &
recorder=$!
exec 3> first
head -n 200 changes.jsonl >&3
for _ in $(seq 50); do
    if "$VARVE" tables | grep -q Twice; then break; fi
    sleep 0.1
done
run 11 "a second recorder is refused" record Twice changes.jsonl "${KEYS[@]}"
tail -n +201 changes.jsonl >&3
exec 3>&-
wait "$recorder" || fail "the first recorder: $(cat first.log)"
holds Twice changes.jsonl 6000
ok "the first is not disturbed"
run 0 "all of it is sound" verify --read-data --every-second
