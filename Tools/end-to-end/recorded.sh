# Shared by the tests of recording: sourced, not run.

# state FILE COUNT: the items after the first COUNT changes of a file, as lines.
state() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
items = {}
with open(sys.argv[1]) as file:
    for number, line in enumerate(file):
        if number == int(sys.argv[2]):
            break
        record = json.loads(line)
        key = json.dumps(record["Keys"])
        items.pop(key, None)
        if "NewImage" in record:
            items[key] = record["NewImage"]
for item in items.values():
    print(json.dumps({"Item": item}))
PYTHON
}

# holds TABLE FILE COUNT: the table's newest state is that after the first COUNT changes.
holds() {
    state "$2" "$3" > expected.jsonl
    rm -f restored.jsonl
    varve restore "$1" --latest --to restored.jsonl > restore.log 2>&1 || fail "$1 cannot be restored: $(cat restore.log)"
    same expected.jsonl restored.jsonl
}
