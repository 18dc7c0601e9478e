#!/usr/bin/env bash
# Arguments, help, errors, exit statuses, wrong inputs, pipes and signals.
source "$(dirname "$0")/common.sh"

run 0 "the version" --version
run 0 "help" --help
says "varve backup Orders"
for command in init backup restore get diff tables backups show stats head verify forget prune \
    retention compact completion man; do
    run 0 "help of $command" "$command" --help
    says "Example"
done
run 0 "help by word" help restore
run 0 "the glossary" help glossary
says "receipt"
run 0 "times" help times
run 0 "exit statuses" help exit-status
for shell in bash zsh fish; do
    run 0 "completion for $shell" completion "$shell"
done
"$VARVE" completion bash | bash -n
ok "bash accepts it"
run 0 "a manual page" man restore
says ".SH SYNOPSIS"
run 0 "the manual's first page" man
run 2 "a page of nothing" man nothing
run 2 "help of nothing" help restor
complains "restore"

run 2 "an unknown command" nothing
run 2 "an unknown option" tables --nothing
run 2 "a missing argument" backup Orders
run 2 "an error of usage as JSON" restore Orders --json --to x
python3 -c 'import json; assert json.load(open("errors"))["error"]["code"] == "usage"'
run 2 "no state is named" restore Orders --to x
run 2 "two states are named" restore Orders --to x --latest --backup y
(unset VARVE_REPOSITORY; run 2 "no repository is named" tables)
run 10 "no repository is there" tables --json
python3 -c 'import json; e = json.load(open("errors"))["error"]; assert e["code"] == "no-repository" and e["location"]'

echo file > file
run 1 "init on a file" init -r "$HERE/file"
complains "directory"
run 1 "init below a file" init -r "$HERE/file/repository"
[ "$(cat file)" = file ] || fail "init changed a file"
mkdir full && touch full/letters.txt full/photos
run 1 "init in a directory that holds something" init -r full
complains "'letters.txt', 'photos'"
[ "$(ls full | tr '\n' ' ')" = "letters.txt photos " ] || fail "init changed the directory"
mkdir -p mounted/lost+found
run 0 "init in a new file system" init -r mounted
run 1 "init twice" init -r mounted
rm mounted/config && mkdir -p mounted/packs/00 && touch "mounted/packs/00/$(printf '%064d' 0)"
run 20 "init where a repository lost its configuration" init -r mounted
run 0 "init with -r" init -r "$HERE/repository"
for options in "-r $HERE/repository" "-r$HERE/repository" "--repo=$HERE/repository" "-qvr $HERE/repository"; do
    (unset VARVE_REPOSITORY; run 0 "options before the command: $options" $options tables)
done
run 0 "--json before the command" --json snapshots
json 'it == []'
orders 100 > good.jsonl
run 3 "a time without a zone" backup Orders good.jsonl --name a "${KEYS[@]}" --time 2024-01-01T00:00:00
run 1 "a time in the future" backup Orders good.jsonl --name a "${KEYS[@]}" --time 2999-01-01T00:00:00Z
run 3 "a backup's name" backup Orders good.jsonl --name 'a b' "${KEYS[@]}"
run 3 "a table's name" backup 'Or/ders' good.jsonl --name a "${KEYS[@]}"
run 2 "a key attribute" backup Orders good.jsonl --name a --partition-key InvoiceNo:SS
run 3 "a file that is not there" backup Orders missing.jsonl --name a "${KEYS[@]}"
complains "missing.jsonl"
run 3 "settings that are not there" backup Orders good.jsonl --name a "${KEYS[@]}" --settings missing.json
complains "missing.json"

(head -50 good.jsonl; echo '{"Item":{"InvoiceNo":{"S":"9"}}}'; tail -50 good.jsonl) > bad.jsonl
run 3 "a missing key attribute, with its line" backup Orders bad.jsonl --name a "${KEYS[@]}"
complains "line 51"
(cat good.jsonl; head -1 good.jsonl) > twice.jsonl
run 3 "a key that stands twice" backup Orders twice.jsonl --name a "${KEYS[@]}"
complains "line 1"
head -c 5000 good.jsonl > short.jsonl
run 3 "a line cut off" backup Orders short.jsonl --name a "${KEYS[@]}" --json
python3 -c 'import json; e = json.load(open("errors"))["error"]; assert e["code"] == "invalid-input" and "line" in e["location"]'
run 0 "none of them left a table" tables --json
json 'it == []'

sort -R --random-source=<(yes) good.jsonl > shuffled.jsonl
run 0 "rows in any order" backup Orders shuffled.jsonl --name a "${KEYS[@]}" --time 2024-01-01T00:00:00Z
gzip -k good.jsonl
run 0 "gzip" backup Orders good.jsonl.gz --name b --time 2024-01-01T00:00:00Z --json
json 'it["wasKnown"]'
"$VARVE" backup Orders - --name c --time 2024-01-02T00:00:00Z < good.jsonl > output
ok "standard input"
run 3 "nothing on standard input" backup Orders - --name d < /dev/null
run 1 "another key is refused" backup Orders good.jsonl --name d --partition-key StockCode:S --sort-key Line:N
complains "--force"
run 0 "the known key is used" backup Orders good.jsonl --name d --time 2024-01-03T00:00:00Z
run 0 "a second copy within a second" backup Orders good.jsonl --name e
run 0 "and a third" backup Orders good.jsonl --name f

mkdir settings
cat > settings/table.json <<'JSON'
{"Table":{"TableName":"Shop","TableArn":"arn:aws:dynamodb:eu-west-1:111122223333:table/Shop",
"TableId":"7c1d0b1e-0000-4000-8000-000000000001","KeySchema":[{"AttributeName":"InvoiceNo","KeyType":"HASH"},
{"AttributeName":"Line","KeyType":"RANGE"}],"AttributeDefinitions":[{"AttributeName":"InvoiceNo","AttributeType":"S"},
{"AttributeName":"Line","AttributeType":"N"}]}}
JSON
run 0 "keys and ARN from settings" backup Shop good.jsonl --name a --settings settings/table.json --json
json 'it["storedSettings"] and it["backup"]["arn"].startswith("arn:aws:dynamodb:eu-west-1:111122223333:table/Shop/backup/")'
run 0 "the same settings again" backup Shop good.jsonl --name b --settings settings/table.json --json
json 'not it["storedSettings"]'
sed 's/111122223333/444455556666/' settings/table.json > settings/other.json
run 1 "another account's table is refused" backup Shop good.jsonl --name c --settings settings/other.json
sed 's/000000000001/000000000002/' settings/table.json > settings/again.json
run 0 "a table made again" backup Shop good.jsonl --name c --settings settings/again.json --json
json 'it["isNewTable"] and len(it["warnings"]) == 1'
run 0 "both incarnations are listed" tables --json
json '[t["incarnation"] for t in it if t["table"] == "Shop"] == [0, 1]'
run 0 "settings" show Shop --settings
json 'it["DescribeTable"]["Table"]["TableId"].endswith("2")'
run 3 "no settings" backup Shop good.jsonl --name d --settings good.jsonl

for command in tables backups "show Orders" head stats; do
    # shellcheck disable=SC2086
    run 0 "$command -q still tells" $command -q
    [ -s output ] || fail "$command -q is silent"
done
run 0 "get -q still tells" get Orders '{"InvoiceNo":{"S":"500000"},"Line":{"N":"0"}}' --backup a -q
says "StockCode"
run 0 "backup -q is silent" backup Orders good.jsonl --name quiet -q
[ ! -s output ] || fail "backup -q is not silent"

orders 30 | sed 's/"N": "\([0-4]\)"}, "StockCode"/"N": "-\1"}, "StockCode"/' > negative.jsonl
run 0 "negative keys" backup Negative negative.jsonl --name a --partition-key InvoiceNo:S --sort-key Line:N
run 0 "a range that begins with a minus" restore Negative --latest --partition 500000 --key-range -2..1 --to - -q
[ "$(wc -l < output)" -eq 3 ] || fail "the range has $(wc -l < output) items instead of 3"

run 2 "an empty target" restore Orders --latest --to ""
complains "--to"
run 1 "a target in a directory that is not there" restore Orders --latest --to nowhere/out.jsonl
complains "nowhere"
run 1 "an export in a directory that is not there" restore Orders --latest --to nowhere/out --format aws-export
complains "nowhere"
run 1 "a target that is there" restore Orders --latest --to good.jsonl
complains "good.jsonl"
[ ! -e nowhere ] || fail "a failed restore made a directory"

for twin in 1 2; do "$VARVE" backup Orders good.jsonl --name twin --time "2024-02-0${twin}T00:00:00Z" -q; done
run 1 "a name that two backups have" restore Orders --backup twin --to x
complains "2024-02-01T00:00:00Z"
complains "2024-02-02T00:00:00Z"
# Of so many ids two begin with the same two digits, as good as always.
for number in $(seq 1 24); do "$VARVE" backup Orders good.jsonl --name "n$number" -q; done
"$VARVE" backups Orders --json > output
shared=$(python3 -c '
import json, collections
ids = [entry["backup"]["id"][:2] for entry in json.load(open("output"))]
print(next((pair for pair, count in collections.Counter(ids).items() if count > 1), ""))')
whole=$(python3 -c 'import json; print(json.load(open("output"))[0]["backup"]["id"][:12])')
run 0 "the beginning of an id" show Orders "$whole"
if [ -n "$shared" ]; then
    run 1 "a beginning that two ids have" show Orders "$shared"
    complains "use an id"
fi

run 2 "an anchor that is none" verify --anchor 12
run 20 "an anchor that no chain has" verify --anchor "$(printf '%064d' 0)@Orders"
says "no chain of commits"
"$VARVE" head Orders --json > output
head=$(python3 -c 'import json; print(json.load(open("output"))[0]["head"])')
run 0 "an anchor" verify --anchor "$head@Orders" --anchor "$head"
run 20 "the anchor of another table" verify --anchor "$head@Shop"
run 20 "the anchor of a table that is not there" verify --anchor "$head@Nothing"

# Every command with nobody who reads.
for command in "tables" "backups" "show Orders" "head" "stats" "verify" "diff Orders a b" "prune --dry-run" \
    "forget Orders --keep-last 1 --dry-run" "help glossary" "--help" "man" "completion bash" "restore Orders --latest --to -"; do
    status=0
    # shellcheck disable=SC2086
    python3 - "$VARVE" $command <<'PYTHON' || status=$?
import os, subprocess, sys
read, write = os.pipe()
os.close(read)
child = subprocess.run(sys.argv[1:], stdout=write, stderr=subprocess.PIPE)
sys.exit(0 if child.returncode == 141 and not child.stderr or child.returncode == 0 else 1)
PYTHON
    [ "$status" -eq 0 ] || fail "$command: not quiet when nobody reads"
done
ok "a reader that has gone away, for every command"
before=$(objects)
for command in "tables" "verify" "diff Orders a n1 --summary" "restore Orders --latest --to -"; do
    status=0
    # shellcheck disable=SC2086
    "$VARVE" $command >&- 2> errors || status=$?
    [ "$status" -eq 1 ] || fail "$command with closed output: exit status $status instead of 1"
    complains "standard output"
done
run_closed() { "$VARVE" restore Orders --backup a --to closed.jsonl -q <&- >&- 2>&-; }
run_closed || fail "a restore without standard streams"
same closed.jsonl good.jsonl
[ "$before" = "$(objects)" ] || fail "closed streams changed the repository"
ok "closed standard streams"
status=0
"$VARVE" tables > /dev/full 2> errors || status=$?
[ "$status" -eq 1 ] || fail "a full output: exit status $status instead of 1"
ok "an output that is full"

mkfifo pipe
before=$(objects)
"$VARVE" backup Orders pipe --name g > output 2> errors &
child=$!
exec 3> pipe
head -10 good.jsonl >&3
kill -INT "$child"
sleep 1
exec 3>&-
status=0
wait "$child" || status=$?
[ "$status" -eq 130 ] || fail "interrupted: exit status $status instead of 130"
[ "$before" = "$(objects)" ] || fail "an interrupted backup changed the repository"
ok "an interrupted backup leaves the repository as it was"

# Targets tell their form, and what is wrong with them is told.
run 2 "more than one way is wrong" forget
run 0 "the age of a state just made" backup Fresh good.jsonl --name fresh "${KEYS[@]}"
run 0 "is now" tables
grep '^Fresh' output | grep -qE 'now|[0-9] s' || fail "a state just made is of another age"
run 1 "CSV is inferred, and loses types" restore Fresh --latest --to inferred.csv
complains "--lossy"
run 0 "CSV" restore Fresh --latest --to inferred.csv --lossy
head -1 inferred.csv | grep -q InvoiceNo || fail "this is no CSV"
run 0 "gzip in capitals" restore Fresh --latest --to capitals.jsonl.GZ
gzip -t < capitals.jsonl.GZ || fail "this is not gzip"
run 1 "a directory that is missing" restore Fresh --latest --to nowhere/x.jsonl
complains "nowhere"
if grep -q partial errors; then fail "a hidden file is named"; fi
run 3 "a slash at the end" restore Fresh --latest --to target.jsonl/
complains "slash"
run 1 "the null device" restore Fresh --latest --to /dev/null
complains "standard output"
echo '{"eventName":"INSERT","dynamodb":{"Keys":{"A":{"S":"1"}}}}' > change.jsonl
run 3 "a change record is no copy" backup Fresh change.jsonl --name change
complains "varve record"
echo '{"Metadata":{"WriteTimestampMicros":{"N":"1"}},"Keys":{"A":{"S":"1"}}}' > change.jsonl
run 3 "of the other form neither" backup Fresh change.jsonl --name change
complains "varve record"
status=0
(ulimit -f 1; exec "$VARVE" restore Fresh --latest --to limited.jsonl) > output 2> errors || status=$?
[ "$status" -eq 1 ] || fail "a limit of file sizes ends with $status"
complains "varve: error"
ok "a limit of file sizes is an ordinary error"
for command in checkpoints history; do
    key=()
    [ "$command" = checkpoints ] || key=('{"InvoiceNo":{"S":"1"},"Line":{"N":"1"}}')
    run 2 "$command with an end before its beginning" "$command" Fresh "${key[@]}" \
        --from 2025-09-25T10:00:01Z --to 2025-09-25T10:00:00Z
    complains "is later than --to"
done
for command in tables "show Fresh" "show Fresh fresh" stats verify head "checkpoints Fresh" "retention Fresh" \
    "prune --dry-run" "restore Fresh --latest --to verbose-1"; do
    run 0 "$command" $command
    wc -c < output > brief
    run 0 "$command --verbose" ${command/verbose-1/verbose-2} --verbose
    case $command in
        # Of these there is no more than they print.
        checkpoints* | retention*) ;;
        *) [ "$(wc -c < output)" -gt "$(cat brief)" ] || fail "$command --verbose prints no more" ;;
    esac
done
