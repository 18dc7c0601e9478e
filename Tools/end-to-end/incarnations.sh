#!/usr/bin/env bash
# A table that was deleted and made again under its name: every incarnation stays within reach.
source "$(dirname "$0")/common.sh"

# describe ID FILE: what describe-table prints of an incarnation.
describe() {
    cat > "$2" <<JSON
{"Table":{"TableName":"Orders","TableArn":"arn:aws:dynamodb:eu-west-1:111122223333:table/Orders",
 "TableId":"$1","KeySchema":[{"AttributeName":"InvoiceNo","KeyType":"HASH"},
 {"AttributeName":"Line","KeyType":"RANGE"}],"AttributeDefinitions":[
 {"AttributeName":"InvoiceNo","AttributeType":"S"},{"AttributeName":"Line","AttributeType":"N"}]}}
JSON
}
# reads FILE ARGUMENT…: a restore, by varve and by the reader, is what the file holds.
reads() {
    local file=$1
    shift
    rm -f restored.jsonl
    run 0 "restore $*" restore "$@" --to restored.jsonl
    same restored.jsonl "$file"
    python3 "$ROOT/Tools/varve_reader.py" restore "$VARVE_REPOSITORY" "$@" > read.jsonl ||
        fail "the reader cannot: $*"
    same read.jsonl "$file"
}
describe 0f0e0d0c-1111-4111-8111-000000000001 one.json
describe 0f0e0d0c-2222-4222-8222-000000000002 two.json
orders 300 > old.jsonl
orders 200 1 > new.jsonl
"$VARVE" init -q

run 1 "keys that contradict the settings are refused" \
    backup Orders old.jsonl --name monday --settings one.json --partition-key Quantity:N
complains "Quantity:N"
complains "InvoiceNo:S Line:N"
for name in . ..; do run 3 "$name is no table" backup $name old.jsonl --name x "${KEYS[@]}"; done

run 0 "the first" backup Orders old.jsonl --name monday --settings one.json --time 2026-01-01T00:00:00Z
run 0 "made again" backup Orders new.jsonl --name tuesday --settings two.json --time 2026-01-05T00:00:00Z
complains "another table than the one of that name"
run 0 "both are listed" tables
says "Orders (1)"
says "Orders (2)"
run 0 "for programs" tables --json
ids=($(python3 -c 'import json; print(*[one["tableId"] for one in json.load(open("output"))])'))
run 0 "backups of both" backups Orders --json
json '[one["incarnation"] for one in it] == [0, 1]'
monday=$(python3 -c 'import json; print(json.load(open("output"))[0]["backup"]["id"])')
arn=$(python3 -c 'import json; print(json.load(open("output"))[0]["backup"]["arn"])')

for backup in monday "$monday" "${monday:0:8}" "$arn"; do reads old.jsonl Orders --backup "$backup"; done
for table in 'Orders (1)' "${ids[0]}" "${ids[0]:0:8}" 0f0e0d0c-1111-4111-8111-000000000001; do
    reads old.jsonl "$table" --latest
done
for table in Orders 'Orders (2)' "${ids[1]}" arn:aws:dynamodb:eu-west-1:111122223333:table/Orders; do
    reads new.jsonl "$table" --latest
done
reads old.jsonl Orders --at 2026-01-01T00:00:00Z
reads new.jsonl Orders --at 2026-01-05T00:00:00Z
says "restored table Orders (2)"
run 1 "nothing is made up between them" restore Orders --at 2026-01-03T00:00:00Z --to x
complains "Orders (1) has states from"
run 0 "all at a time" restore --all --at 2026-01-01T00:00:00Z --to all
same all/Orders.jsonl old.jsonl
run 0 "show" show Orders monday
says "of table Orders (1)"
run 0 "get" get Orders '{"InvoiceNo":{"S":"500059"},"Line":{"N":"4"}}' --backup monday
run 0 "diff" diff Orders monday tuesday --summary --json
json 'it["removed"] == 100 and it["replaced"] == 20 and it["added"] == 0'
run 0 "verify" verify --restore monday
run 1 "one digit is too few" show Orders "${monday:0:1}"
complains "at least 2 digits"

run 0 "a late copy of the first" backup Orders old.jsonl --name late --settings one.json --time 2026-01-06T00:00:00Z
complains "Orders (1)"
run 0 "no third" tables --json
json '[one["incarnation"] for one in it] == [0, 1] and it[0]["backups"] == 2'
reads new.jsonl Orders --latest
run 0 "a copy of an older time is not compared" \
    backup Orders new.jsonl --name early --settings two.json --time 2026-01-04T00:00:00Z --json
json '"puts" not in it and "removals" not in it'
head -50 old.jsonl > few.jsonl
run 1 "one that lacks most items is refused" \
    backup 'Orders (1)' few.jsonl --name few --time 2026-01-05T12:00:00Z
complains "lacks 250 of the 300 items"
run 0 "unless forced" backup 'Orders (1)' few.jsonl --name few --time 2026-01-05T12:00:00Z --force
says "not counted"

run 0 "rules judge the newest" forget Orders --keep-last 1
complains "Orders (1)"
run 0 "names are searched" forget Orders monday
says "monday"
run 0 "an older one by itself" forget 'Orders (1)' --keep-last 1 --json
json '[one["name"] for one in it["kept"]] == ["late"]'
run 0 "retention of one" retention 'Orders (1)' --days 10
run 0 "and of the other" retention Orders --json
json 'it["keepsEverything"]'
run 0 "stats" stats
says "Orders (1)"
run 0 "compact" compact Orders
run 0 "head" head "Orders (1)"
run 0 "the whole verifies" verify --read-data --restore all
python3 "$ROOT/Tools/varve_reader.py" verify "$VARVE_REPOSITORY" > output 2> errors || fail "the reader finds fault"
ok "for the reader too"
