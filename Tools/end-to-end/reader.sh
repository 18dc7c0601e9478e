#!/usr/bin/env bash
# What varve writes, the independent reader reads: it verifies, and restores the same items. What is
# damaged, it reports.
source "$(dirname "$0")/common.sh"
READER=$ROOT/Tools/varve_reader.py

# reader STATUS WHAT ARGUMENT…: runs the reader, with its output in `output` and `errors`.
reader() {
    local expected=$1 what=$2 status=0
    shift 2
    python3 "$READER" "$@" > output 2> errors || status=$?
    ! grep -q Traceback errors || fail "$what: the reader crashed"
    [ "$status" -eq "$expected" ] || fail "$what: exit status $status instead of $expected (reader $*)"
    ok "$what"
}

# edited IN OUT: every 50th line is gone, every 40th of the rest has another number.
edited() {
    awk 'NR % 50 == 8 { next } ++kept % 40 == 1 { sub(/"(Quantity|rank)":\{"N":"/, "&9") } { print }' "$1" > "$2"
    cmp -s "$1" "$2" && fail "$1 was not edited" || true
}

python3 "$ROOT/Tools/data.py" orders all.jsonl
head -20000 all.jsonl > orders-1.jsonl
python3 "$ROOT/Tools/data.py" movies films-1.jsonl
edited orders-1.jsonl orders-2.jsonl
edited films-1.jsonl films-2.jsonl
head -500 orders-2.jsonl > orders-few.jsonl

run 0 "init" init
run 0 "orders" backup Orders orders-1.jsonl --name orders-1 --time 2024-01-01T00:00:00Z "${KEYS[@]}"
run 0 "changed orders" backup Orders orders-2.jsonl --name orders-2 --time 2024-01-02T00:00:00Z
run 0 "most orders gone" backup Orders orders-few.jsonl --name orders-few --time 2024-01-03T00:00:00Z --force
run 0 "the orders as before" backup Orders orders-1.jsonl --name orders-again --time 2024-01-04T00:00:00Z --force
cp orders-1.jsonl orders-again.jsonl
run 0 "an older copy" backup Orders orders-2.jsonl --name orders-older --time 2023-12-01T00:00:00Z
cp orders-2.jsonl orders-older.jsonl
run 0 "a copy between" backup Orders orders-2.jsonl --name orders-between --time 2024-01-02T12:00:00Z
cp orders-2.jsonl orders-between.jsonl
head -15000 orders-1.jsonl > orders-within.jsonl
run 0 "a copy between, of a state of its own" backup Orders orders-within.jsonl --name orders-within --time 2024-01-01T12:00:00Z
mkdir -p repository/tables/0123456789abcdef0123456789abcdef/commits
run 0 "films" backup Films films-1.jsonl --name films-1 --time 2024-01-01T00:00:00Z \
    --partition-key year:N --sort-key title:S
run 0 "changed films" backup Films films-2.jsonl --name films-2 --time 2024-01-02T00:00:00Z

reader 0 "the reader verifies all of it" verify "$VARVE_REPOSITORY"
for pair in Orders:orders-1 Orders:orders-2 Orders:orders-few Orders:orders-again \
    Orders:orders-older Orders:orders-between Orders:orders-within Films:films-1 Films:films-2; do
    table=${pair%:*} name=${pair#*:}
    reader 0 "the reader restores $name" restore "$VARVE_REPOSITORY" "$table" --backup "$name"
    cp output "reader-$name.jsonl"
    run 0 "varve restores $name" restore "$table" --backup "$name" --to "varve-$name.jsonl"
    same "$name.jsonl" "reader-$name.jsonl"
    same "$name.jsonl" "varve-$name.jsonl"
done
if (same orders-1.jsonl orders-2.jsonl) 2> /dev/null; then fail "the comparison sees no difference"; fi

# flipped NAME OFFSET: one byte of an object is another while the reader verifies.
flipped() {
    local path=$VARVE_REPOSITORY/$1
    cp -p "$path" saved
    chmod u+w "$path"
    python3 - "$path" "$2" <<'PYTHON'
import sys
path, at = sys.argv[1], float(sys.argv[2])
data = bytearray(open(path, "rb").read())
data[int(len(data) * at)] ^= 0x04
open(path, "wb").write(data)
PYTHON
    reader 1 "the reader reports byte $2 of $1" verify "$VARVE_REPOSITORY"
    [ -s errors ] || fail "it says nothing"
    cp -pf saved "$path"
}
pack=$(cd "$VARVE_REPOSITORY" && find packs -type f | sort | head -1)
commit=$(cd "$VARVE_REPOSITORY" && find tables -path '*/commits/*' -type f | sort | head -1)
flipped "$pack" 0.5
flipped "$pack" 0.999
flipped "$commit" 0.6
flipped config 0.7
reader 0 "and all is well again" verify "$VARVE_REPOSITORY"

# What earlier versions wrote.
count=0
for golden in "$ROOT"/Fixtures/golden/*/; do
    reader 0 "the reader verifies $(basename "$golden")" verify "$golden/repository"
    python3 "$READER" list "$golden/repository" --json > list
    python3 -c '
import json
for table in json.load(open("list"))["tables"]:
    for backup in table["backups"]: print(table["name"], backup["name"], backup["id"])' > backups
    while read -r table name id; do
        expected=$golden/expected/$table-$name.jsonl
        if [ -e "$expected.gz" ]; then gzip -dc "$expected.gz" > expected; else cp "$expected" expected; fi
        reader 0 "the reader restores $name of $table" restore "$golden/repository" "$table" --backup "$id"
        cp output restored
        same expected restored
        count=$((count + 1))
    done < backups
done
for expected in "$ROOT"/Fixtures/golden/*/expected/*@*.jsonl; do
    golden=${expected%/expected/*} name=$(basename "$expected" .jsonl)
    which=(--at "${name#*@}")
    [ "${name#*@}" != newest ] || which=(--latest)
    reader 0 "the reader restores $name" restore "$golden/repository" "${name%@*}" "${which[@]}"
    cp output restored
    same "$expected" restored
done
[ "$count" -ge 10 ] || fail "there are hardly any golden backups"

# What the specification alone is enough to write, varve restores at every second.
export VARVE
python3 "$ROOT/Tools/compare_programs.py" histories 20 > output 2> errors || fail "histories written by hand"
says "seconds are equal"
ok "varve restores histories that are written by hand"
