#!/usr/bin/env bash
# Damage is told in the terms of its table: which table, which keys, which backups.
source "$(dirname "$0")/common.sh"

orders 2000 > monday.jsonl
orders 2000 1 > tuesday.jsonl
run 0 "init" init
run 0 "monday" backup Orders monday.jsonl --name monday "${KEYS[@]}" --time 2024-01-01T00:00:00Z
run 0 "tuesday" backup Orders tuesday.jsonl --name tuesday --time 2024-01-02T00:00:00Z
run 0 "another table" backup Others monday.jsonl --name other "${KEYS[@]}" --time 2024-01-01T00:00:00Z
cp -r repository whole

# again: the whole repository.
again() {
    rm -rf repository
    cp -r whole repository
}
# flip FILE OFFSET: changes one bit; an offset below 0 counts from the end.
flip() {
    python3 - "$1" "$2" <<'PYTHON'
import os, sys
os.chmod(sys.argv[1], 0o644)
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]), 0 if int(sys.argv[2]) >= 0 else 2)
    byte = file.read(1)
    file.seek(-1, 1)
    file.write(bytes([byte[0] ^ 1]))
PYTHON
}
table=$(varve show Orders --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["table"]["tableId"])')
monday=$(varve show Orders monday --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["backup"]["id"])')

for damage in flipped missing; do
    again
    # What is nowhere else goes with the record: of a table without an ARN its name.
    name=Orders
    if [ $damage = flipped ]; then flip "repository/tables/$table/table" -1; else rm "repository/tables/$table/table"; name=$table; fi
    run 20 "a table's record is $damage" verify
    says "damaged: table $name, the table's record"
    says "affected backups:"
    says "$name  monday"
    says "$name  tuesday"
    if grep -q "Others  other" output; then fail "a sound table's backup counts as affected"; fi
    run 20 "a table's record is $damage, as JSON" verify --json
    json 'it["damages"][0]["table"] == "'$name'" and len(it["damages"][0]["backups"]) == 2'
    json 'len(it["affectedBackups"]) == 2 and "'"$monday"'" in it["affectedBackups"]'
done

again
flip "$(find repository/tables -name "$monday")" -1
run 20 "a backup's record is damaged" verify
says "damaged: table Orders, the record of backup ${monday:0:8}"
says "${monday:0:8}  Orders  its record cannot be read"
run 20 "a backup's record is damaged, as JSON" verify --json
json 'it["affectedBackups"] == ["'"$monday"'"] and it["damages"][0]["table"] == "Orders"'

again
pack=$(find repository/packs -type f | head -1)
for pack in $(find repository/packs -type f); do flip "$pack" 2000; done
run 20 "a page is damaged: the restore says which keys" restore Orders --backup monday --to never.jsonl
complains "table Orders, "
complains "image of 2024-01-01T00:00:00Z, from the first key to "
complains "varve verify"
complains "varve repair"
[ ! -e never.jsonl ] || fail "a target came of it"
run 20 "and in CSV" restore Orders --backup monday --to never.csv --format csv --lossy
complains "image of 2024-01-01T00:00:00Z"

again
(cd repository && echo nonsense > indexes/$(printf '%064d' 1))
status=0
varve verify > output 2> errors || status=$?
if [ "$status" -eq 20 ]; then says "no backup is affected"; fi
ok "damage that affects no backup is said to"
