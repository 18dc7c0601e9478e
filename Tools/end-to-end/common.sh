# Shared by the end-to-end tests: sourced, not run. Each test is a script of its own.
#
# VARVE names the program; else the release build is used. A test works in a folder of its own and
# stops at the first failure; `ok N - what` is printed for each thing that was checked.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VARVE=${VARVE:-$ROOT/.build/release/varve}
[ -x "$VARVE" ] || { echo "not ok - there is no program at $VARVE; build it, or set VARVE" >&2; exit 1; }

HERE=$(mktemp -d "${TMPDIR:-/tmp}/varve-end-to-end-XXXXXX")
trap 'status=$?; rm -rf "$HERE"; exit $status' EXIT
trap 'echo "not ok - $BASH_SOURCE, line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$HERE"
export VARVE_REPOSITORY=$HERE/repository
CHECKS=0

ok() {
    CHECKS=$((CHECKS + 1))
    echo "ok $CHECKS - $1"
}

fail() {
    echo "not ok - $1" >&2
    [ ! -s errors ] || sed 's/^/    stderr: /' errors >&2
    [ ! -s output ] || sed 's/^/    stdout: /' output | head -20 >&2
    exit 1
}

varve() { "$VARVE" "$@"; }

# run STATUS WHAT ARGUMENT…: runs varve, with its output in `output` and `errors`.
run() {
    local expected=$1 what=$2 status=0
    shift 2
    "$VARVE" "$@" > output 2> errors || status=$?
    [ "$status" -eq "$expected" ] || fail "$what: exit status $status instead of $expected (varve $*)"
    ok "$what"
}

# says TEXT: the output holds the text.
says() { grep -qF -- "$1" output || fail "the output lacks: $1"; }
# complains TEXT: standard error holds the text.
complains() { grep -qF -- "$1" errors || fail "standard error lacks: $1"; }
# json EXPRESSION: the output is JSON, and the Python expression about it, `it`, is true.
json() {
    python3 -c 'import json,sys; it=json.load(open("output")); sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
        fail "not true of the JSON: $1"
}
# json_lines EXPRESSION: the output is lines of JSON, and the expression about their list is true.
json_lines() {
    python3 -c 'import json,sys; it=[json.loads(line) for line in open("output")]; sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
        fail "not true of the lines: $1"
}
# objects: a fingerprint of the repository, to see that nothing changed.
objects() { (cd "$VARVE_REPOSITORY" && find . -type f | sort | xargs sha256sum | sha256sum); }
# same FILE FILE: both hold the same items.
same() {
    python3 - "$1" "$2" <<'PYTHON' || fail "$1 and $2 hold different items"
import json, sys
from decimal import Decimal, getcontext
getcontext().prec = 60
def number(text): return str(Decimal(text).normalize() + 0)
def normal(value):
    (kind, content), = value.items()
    if kind == "N": return ("N", number(content))
    if kind == "NS": return ("NS", tuple(sorted(map(number, content))))
    if kind in ("SS", "BS"): return (kind, tuple(sorted(content)))
    if kind == "L": return ("L", tuple(map(normal, content)))
    if kind == "M": return ("M", attributes(content))
    return (kind, content)
def attributes(item):
    return tuple(sorted((name, normal(value)) for name, value in item.items()))
def items(path):
    return sorted(repr(attributes(json.loads(line)["Item"])) for line in open(path) if line.strip())
sys.exit(0 if items(sys.argv[1]) == items(sys.argv[2]) else 1)
PYTHON
}
# orders COUNT [SEED]: that many order lines as DynamoDB JSON; the seed changes every tenth.
orders() {
    python3 - "$@" <<'PYTHON'
import hashlib, json, sys
count = int(sys.argv[1]); seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
for index in range(count):
    quantity = index % 7 + (seed if index % 10 == 3 else 0)
    print(json.dumps({"Item": {
        "InvoiceNo": {"S": f"{500000 + index // 5}"}, "Line": {"N": str(index % 5)},
        "StockCode": {"S": f"S{index % 50:04}"}, "Quantity": {"N": str(quantity)},
        "Tags": {"SS": ["b", f"a{index % 3}"]}, "Note": {"S": hashlib.md5(b"%d" % index).hexdigest()},
        "Gift": {"BOOL": index % 2 == 0}}}))
PYTHON
}
KEYS=(--partition-key InvoiceNo:S --sort-key Line:N)
