#!/usr/bin/env bash
# What may go wrong while changes are recorded: exports with gaps, files that were changed, rejects
# that are recorded again, rivals, a collector at work meanwhile, kill -9 of many tables, a full disk.
source "$(dirname "$0")/common.sh"
source "$ROOT/Tools/end-to-end/recorded.sh"

export XDG_CACHE_HOME=$HERE/cache
run 0 "init" init
python3 "$ROOT/Tools/data.py" changes changes.jsonl --count 6000 --lines 2000 --per-second 40

# export_of NAME FROM TO: an incremental export of the net changes of seconds FROM to TO, as the
# service makes it.
export_of() {
    python3 - "$@" <<'PYTHON'
import base64, datetime, gzip, hashlib, json, os, sys
name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
start = 1758794400
net, before, now = {}, {}, {}
for line in open("changes.jsonl"):
    record = json.loads(line)
    micros = int(record["Metadata"]["WriteTimestampMicros"]["N"])
    second = micros // 1000000 - start
    if second >= last:
        break
    key = json.dumps(record["Keys"])
    if second >= first:
        if key not in net:
            before[key] = now.get(key)
        net[key] = record
    now[key] = record.get("NewImage")
lines = []
for key, record in net.items():
    if before[key] is None and now[key] is None:
        continue
    record.pop("OldImage", None)
    if before[key] is not None:
        record["OldImage"] = before[key]
    lines.append(json.dumps(record))
data = gzip.compress("".join(line + "\n" for line in lines).encode())
def stamp(second):
    return datetime.datetime.fromtimestamp(start + second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
root = "exports/AWSDynamoDB"
os.makedirs(f"{root}/{name}", exist_ok=True)
os.makedirs(f"{root}/data", exist_ok=True)
open(f"{root}/data/{name}.json.gz", "wb").write(data)
def put(path, text):
    open(f"{root}/{name}/{path}.json", "w").write(text)
    digest = base64.b64encode(hashlib.md5(text.encode()).digest()).decode()
    open(f"{root}/{name}/{path}.md5", "w").write(digest)
put("manifest-summary", json.dumps({
    "version": "2023-08-01", "exportType": "INCREMENTAL_EXPORT", "outputView": "NEW_AND_OLD_IMAGES",
    "exportFromTime": stamp(first), "exportToTime": stamp(last), "itemCount": len(lines),
    "tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/Exported", "outputFormat": "DYNAMODB_JSON"}))
put("manifest-files", json.dumps({
    "itemCount": len(lines), "md5Checksum": base64.b64encode(hashlib.md5(data).digest()).decode(),
    "dataFileS3Key": f"x/AWSDynamoDB/data/{name}.json.gz"}) + "\n")
PYTHON
}

# Incremental exports: exact at their ends alone.
export_of 01758794400000-aaaaaaaa 0 30
export_of 01758794430000-bbbbbbbb 30 60
before=$(objects)
run 1 "one that does not begin with the empty table begins none" \
    record Exported exports/AWSDynamoDB/01758794430000-bbbbbbbb "${KEYS[@]}"
complains "has an old image"
[ "$before" = "$(objects)" ] || fail "an export that was refused changed the repository"
run 0 "incremental exports begin a history" record Exported exports "${KEYS[@]}"
holds Exported changes.jsonl 2400
run 0 "they are exact at their ends" restore Exported --at 2025-09-25T10:00:30Z --to at.jsonl
state changes.jsonl 1200 > expected.jsonl
same expected.jsonl at.jsonl
run 1 "and nowhere between" restore Exported --at 2025-09-25T10:00:45Z --to between.jsonl
before=$(objects)
run 0 "again, they are known" record Exported exports
[ "$before" = "$(objects)" ] || fail "known exports changed the repository"
export_of 01758794490000-dddddddd 90 120
run 1 "a gap between exports is refused" record Exported exports
complains "missing"
export_of 01758794460000-cccccccc 60 90
run 0 "what fills it is recorded in its order" record Exported exports
holds Exported changes.jsonl 4800
run 0 "changes go on behind them, second by second" record Exported changes.jsonl
holds Exported changes.jsonl 6000
state changes.jsonl 5000 > expected.jsonl
run 0 "which are exact" restore Exported --at 2025-09-25T10:02:05Z --to exact.jsonl
same expected.jsonl exact.jsonl

# What lies before the beginning of a history is not silently passed over.
state changes.jsonl 2400 > begun.jsonl
run 0 "a history that begins with a copy" backup Begun begun.jsonl --name start --time 2025-09-25T10:01:00Z "${KEYS[@]}"
run 0 "an export of the time before" record Begun exports/AWSDynamoDB/01758794400000-aaaaaaaa
complains "ends before the history of table Begun begins, at 2025-09-25T10:01:00Z"

# Files that were changed in their middle, or are shorter.
cp changes.jsonl edited.jsonl
head -n 3000 changes.jsonl > edited.jsonl
run 0 "a file" record Edited edited.jsonl "${KEYS[@]}"
python3 - <<'PYTHON'
lines = open("changes.jsonl").read().splitlines(True)
# The same records, with white space in one that was read already.
lines[100] = lines[100].replace('"Keys":', '"Keys":    ')
open("edited.jsonl", "w").write("".join(lines))
PYTHON
run 0 "that was changed in its middle is read again" record Edited edited.jsonl --json
json_lines 'it[-1]["tables"][0]["recorded"] == 3000 and it[-1]["tables"][0]["known"] == 3000'
holds Edited changes.jsonl 6000
head -n 100 changes.jsonl > edited.jsonl
run 0 "and one that is shorter than before" record Edited edited.jsonl --json
json_lines 'it[-1]["tables"][0]["known"] == 100'

# What was rejected, recorded again from the rejects file.
run 0 "a history" record Again changes.jsonl "${KEYS[@]}" --rejects again.jsonl --json
[ ! -e again.jsonl ] || fail "there is a rejects file without rejects"
head -n 1000 changes.jsonl > broken.jsonl
sed -n '1001p' changes.jsonl | sed 's/"Keys"/"Kays"/' >> broken.jsonl
tail -n +1002 changes.jsonl >> broken.jsonl
run 1 "a rejects file that cannot be made" record Mended broken.jsonl "${KEYS[@]}" --rejects none/such.jsonl
varve tables > output; ! grep -q Mended output || fail "the table was made all the same"
run 3 "a record without its keys" record Mended broken.jsonl "${KEYS[@]}" --rejects mended.jsonl
state changes.jsonl 1040 > copy.jsonl
run 0 "a full copy" backup Mended copy.jsonl --name again --time 2025-09-25T10:00:26Z
grep -v Kays mended.jsonl > good.jsonl
run 0 "the rejects can be recorded from it on" record Mended good.jsonl --rejects more.jsonl --json
json_lines 'it[-1]["tables"][0]["recorded"] > 0 and it[-1]["tables"][0]["covered"] > 0'
holds Mended changes.jsonl 6000
run 3 "nothing from the far future" record Future <(sed '500s/"N":"17/"N":"27/' changes.jsonl) "${KEYS[@]}"
complains "ahead of this machine"
holds Future changes.jsonl 480

# Another recorder takes over from one that was paused past its lease.
mkfifo first
"$VARVE" record Paused - "${KEYS[@]}" < first > first.log 2>&1 &
recorder=$!
exec 3> first
head -n 200 changes.jsonl >&3
for _ in $(seq 50); do
    if "$VARVE" tables 2> /dev/null | grep -q Paused; then break; fi
    sleep 0.1
done
sleep 1
kill -STOP "$recorder"
run 11 "a second one is refused while the lease lasts" record Paused changes.jsonl --cache other
status=11
for _ in $(seq 30); do
    status=0
    "$VARVE" record Paused changes.jsonl --cache other > output 2> errors || status=$?
    [ "$status" -ne 0 ] || break
    sleep 1
done
[ "$status" -eq 0 ] || fail "it did not take over: exit status $status"
ok "and takes over when it has run out"
kill -CONT "$recorder"
sed -n '201,400p' changes.jsonl >&3 || true
sleep 1
exec 3>&-
status=0
wait "$recorder" || status=$?
[ "$status" -eq 11 ] || fail "the paused one ended with $status: $(cat first.log)"
ok "the paused one finds itself overtaken"
holds Paused changes.jsonl 6000

# Backups, compactions and prunes while records come, some of them twice.
cat > feed.py <<'PYTHON'
import sys, time
with open("changes.jsonl", "rb") as file:
    lines = file.readlines()
out = sys.stdout.buffer
for start in range(0, len(lines), 20):
    out.write(b"".join(lines[start:start + 20]))
    if start % 200 == 0:
        out.write(b"".join(lines[max(0, start - 1000):max(0, start - 1000) + 20]))
    out.flush()
    time.sleep(0.02)
PYTHON
(python3 feed.py | "$VARVE" record Busy - "${KEYS[@]}" --flush-seconds 0 > busy.log 2>&1) &
recorder=$!
rounds=0
while kill -0 "$recorder" 2> /dev/null; do
    "$VARVE" backup Busy --name "busy-$rounds" > /dev/null 2>&1 || true
    "$VARVE" compact > compact.log 2>&1 || fail "compact: $(cat compact.log)"
    "$VARVE" forget Busy "busy-$((rounds - 1))" > /dev/null 2>&1 || true
    "$VARVE" prune --grace 0s > prune.log 2>&1 || fail "prune: $(cat prune.log)"
    rounds=$((rounds + 1))
done
wait "$recorder" || fail "the recorder: $(cat busy.log)"
holds Busy changes.jsonl 6000
ok "$rounds rounds of backup, compact, forget and prune while it recorded"

# Many tables, killed at any moment.
for table in one two three; do
    python3 "$ROOT/Tools/data.py" changes "$table.jsonl" --count 4000 --lines 1000 --form kinesis --table "$table"
done
paste -d '\n' one.jsonl two.jsonl three.jsonl > all.jsonl
python3 "$ROOT/Tools/data.py" changes plain.jsonl --count 4000 --lines 1000
kills=0
for delay in 0.02 0.05 0.08 0.1 0.15 0.2; do
    "$VARVE" record --all all.jsonl "${KEYS[@]}" --flush-seconds 0 > /dev/null 2>&1 &
    recorder=$!
    sleep "$delay"
    if kill -9 "$recorder" 2> /dev/null; then kills=$((kills + 1)); fi
    wait "$recorder" 2> /dev/null || true
done
run 0 "many tables after $kills times kill -9" record --all all.jsonl "${KEYS[@]}"
for table in one two three; do holds "$table" plain.jsonl 4000; done
sed '3000s/"Keys"/"Kays"/' all.jsonl > broken.jsonl
for table in one two three; do sed "s/\"tableName\":\"$table\"/\"tableName\":\"other-$table\"/" -i broken.jsonl; done
run 3 "one of many tables is closed" record --all broken.jsonl "${KEYS[@]}"
holds other-one plain.jsonl 4000
state plain.jsonl 3000 > copy.jsonl
run 0 "a full copy of it" backup other-three copy.jsonl --name again --time 2025-09-25T10:00:30Z
sed 's/"Kays"/"Keys"/' -i broken.jsonl
run 0 "goes on with what was rejected" record --all broken.jsonl
holds other-three plain.jsonl 4000
run 3 "records of a table that nobody knows" record --all one.jsonl <(sed 's/"tableName":"two"/"tableName":"new"/' two.jsonl)
complains "key attributes"

# A full disk: what was acknowledged stays.
if mkdir full && mount -t tmpfs -o size=600k none full 2> /dev/null; then
    trap 'status=$?; umount "$HERE/full" 2> /dev/null || true; rm -rf "$HERE"; exit $status' EXIT
    run 0 "init on a small disk" init -r full/repository
    python3 "$ROOT/Tools/data.py" changes many.jsonl --count 40000 --per-second 200
    head -n 10000 many.jsonl > filling.jsonl
    run 0 "changes that fit" record Full filling.jsonl "${KEYS[@]}" -r full/repository
    head -c 600000 /dev/urandom > full/filler 2> /dev/null || true
    cp many.jsonl filling.jsonl
    run 1 "changes that do not" record Full filling.jsonl -r full/repository
    complains "the disk is full"
    VARVE_REPOSITORY=$HERE/full/repository holds Full many.jsonl 10000
    rm full/filler
    mount -o remount,size=60m full
    run 0 "with room again it goes on" record Full filling.jsonl -r full/repository --json
    json_lines 'it[-1]["records"] <= 30000 and it[-1]["tables"][0]["rejected"] == 0'
    VARVE_REPOSITORY=$HERE/full/repository holds Full many.jsonl 40000
    run 0 "all of it is sound" verify --read-data --every-second -r full/repository
    umount full
fi

# The cache is lost, damaged, or of another table.
cp changes.jsonl cached.jsonl
head -n 3000 changes.jsonl > cached.jsonl
run 0 "with a cache" record Cached cached.jsonl "${KEYS[@]}"
for heads in cache/varve/*/*.heads; do
    dd if=/dev/urandom of="$heads" bs=1000 seek=20 count=20 conv=notrunc 2> /dev/null
done
cp changes.jsonl cached.jsonl
run 0 "with caches that are damaged" record Cached cached.jsonl
holds Cached changes.jsonl 6000
run 0 "all of it is sound" verify --read-data --every-second
