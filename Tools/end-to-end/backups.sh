#!/usr/bin/env bash
# A table's life: init, backup, backups, restore, get, show, forget.
source "$(dirname "$0")/common.sh"

orders 3000 > monday.jsonl
orders 3000 1 > tuesday.jsonl
orders 1200 1 > few.jsonl

run 10 "a missing repository has its own exit status" tables
complains "varve init"
run 0 "init makes a repository" init
run 1 "init refuses a second one" init
run 0 "an empty repository has no tables" tables
run 0 "and no backups, as JSON" backups --json
json 'it == []'

before=$(objects)
run 3 "a new table needs its key attributes" backup Orders monday.jsonl --name monday
complains "--partition-key"
[ "$before" = "$(objects)" ] || fail "a refused backup changed the repository"
run 0 "the first backup" backup Orders monday.jsonl --name monday "${KEYS[@]}" --time 2024-01-01T00:00:00Z
says "3,000"
run 0 "the second, the keys known" backup Orders tuesday.jsonl --name tuesday --time 2024-01-02T00:00:00Z --json
json 'it["backup"]["items"] == 3000 and it["puts"] == 300 and it["removals"] == 0 and not it["wroteImage"]'
run 0 "an unchanged copy" backup Orders tuesday.jsonl --name wednesday --time 2024-01-03T00:00:00Z --json
json 'it["puts"] == 0 and it["addedBytes"] < 1000'
run 0 "a copy of a known state" backup Orders tuesday.jsonl --name again --time 2024-01-03T00:00:00Z --json
json 'it["wasKnown"]'

before=$(objects)
run 1 "most items gone is refused" backup Orders few.jsonl --name few --time 2024-01-04T00:00:00Z
complains "--force"
[ "$before" = "$(objects)" ] || fail "a refused backup changed the repository"
run 1 "another state for a known time is refused" backup Orders monday.jsonl --name wrong --time 2024-01-02T00:00:00Z
[ "$before" = "$(objects)" ] || fail "a refused backup changed the repository"
run 0 "--force allows it" backup Orders few.jsonl --name few --time 2024-01-04T00:00:00Z --force

run 0 "tables" tables
says "Orders"
run 0 "backups" backups
says "2024-01-02T00:00:00Z"
run 0 "backups under restic's name" snapshots Orders --json
json '[entry["backup"]["name"] for entry in it] == ["monday", "tuesday", "again", "wednesday", "few"]'

run 0 "restore the first" restore Orders --backup monday --to out.jsonl
says "equal"
same monday.jsonl out.jsonl
run 1 "a target that is there is refused" restore Orders --backup monday --to out.jsonl
run 0 "restore the newest, with a receipt as JSON" restore Orders --latest --to newest.jsonl --json
json 'it["equal"] and it["items"] == 1200 and len(it["head"]) == 64'
same few.jsonl newest.jsonl
run 0 "restore a time" restore Orders --at 2024-01-02T00:00:00Z --to at.jsonl
same tuesday.jsonl at.jsonl
run 1 "a time that is not recorded" restore Orders --at 2024-01-02T00:00:01Z --to never.jsonl
complains "nearest"
[ ! -e never.jsonl ] || fail "a refused restore left its target"
run 0 "one partition" restore Orders --backup monday --to part.jsonl --partition 500007 --json
json 'it["isPart"] and it["items"] == 5'
run 0 "a range of sort keys" restore Orders --backup monday --to range.jsonl --partition 500007 --key-range 1..3 --json
json 'it["items"] == 2'
run 0 "a range of partition keys" restore Orders --backup monday --to ranges.jsonl --key-range 500007..500009 --json
json 'it["items"] == 10'
run 1 "plain JSON would lose sets" restore Orders --backup monday --to plain.jsonl --format plain-json
run 0 "unless that is allowed" restore Orders --backup monday --to plain.jsonl --format plain-json --lossy
[ -z "$(find . -maxdepth 1 -name '.*varve-restore*')" ] || fail "temporary files are left"

run 0 "get an item" get Orders '{"InvoiceNo":{"S":"500000"},"Line":{"N":"3"}}' --backup monday
says '"Quantity":{"N":"3"}'
run 0 "get it a day later" get Orders '{"InvoiceNo":{"S":"500000"},"Line":{"N":"3"}}' --backup tuesday
says '"Quantity":{"N":"4"}'
run 1 "an item that is not there" get Orders '{"InvoiceNo":{"S":"1"},"Line":{"N":"3"}}' --backup monday
run 3 "a key that is none" get Orders '{"InvoiceNo":{"S":"1"}}' --backup monday

run 0 "show a table" show Orders
says "restorable"
run 0 "show a backup" show Orders monday --json
json 'it["backup"]["name"] == "monday"'
run 1 "show an unknown backup" show Orders friday
complains "friday"
run 0 "head" head Orders
[ "$(cut -d' ' -f1 output | tr -d '\n' | wc -c)" -eq 64 ] || fail "head prints no hash"

run 0 "a promised backup" backup Orders few.jsonl --name kept --time 2024-01-05T00:00:00Z --keep-for 2w
run 1 "is not forgotten" forget Orders kept
complains "--force"
run 0 "forget tells what it would do" forget Orders --keep-last 2 --dry-run --json
json 'len(it["forgotten"]) == 3 and len(it["keptByPromise"]) == 1 and it["dryRun"]'
run 0 "forget one" forget Orders again
run 1 "it is gone" forget Orders again
run 0 "forget with --force" forget Orders kept --force
run 2 "forget must be told what" forget Orders
run 0 "the others are still whole" restore Orders --backup tuesday --to still.jsonl -q
[ ! -s output ] || fail "--quiet printed something"
same tuesday.jsonl still.jsonl
