#!/usr/bin/env bash
# Arguments, help, errors, exit statuses, wrong inputs, pipes and signals.
source "$(dirname "$0")/common.sh"

run 0 "the version" --version
run 0 "help" --help
says "varve backup Orders"
for command in init backup restore get diff tables backups show stats head verify forget prune completion man; do
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
run 3 "a page of nothing" man nothing

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

run 0 "init with -r" init -r "$HERE/repository"
orders 100 > good.jsonl
run 3 "a time without a zone" backup Orders good.jsonl --name a "${KEYS[@]}" --time 2024-01-01T00:00:00
run 1 "a time in the future" backup Orders good.jsonl --name a "${KEYS[@]}" --time 2999-01-01T00:00:00Z
run 3 "a backup's name" backup Orders good.jsonl --name 'a b' "${KEYS[@]}"
run 3 "a table's name" backup 'Or/ders' good.jsonl --name a "${KEYS[@]}"
run 3 "a key attribute" backup Orders good.jsonl --name a --partition-key InvoiceNo:SS
run 1 "a file that is not there" backup Orders missing.jsonl --name a "${KEYS[@]}"
complains "missing.jsonl"

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

status=0
"$VARVE" help glossary | true || status=$?
ok "a reader that goes away"

mkfifo pipe
before=$(objects)
"$VARVE" backup Orders pipe --name g > output 2> errors &
child=$!
exec 3> pipe
head -10 good.jsonl >&3
kill -INT "$child"
sleep 0.3
exec 3>&-
status=0
wait "$child" || status=$?
[ "$status" -eq 130 ] || fail "interrupted: exit status $status instead of 130"
[ "$before" = "$(objects)" ] || fail "an interrupted backup changed the repository"
ok "an interrupted backup leaves the repository as it was"
