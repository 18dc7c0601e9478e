#!/usr/bin/env bash
# What is missing is told of, and nothing is built upon a history with a hole.
source "$(dirname "$0")/common.sh"

orders 300 > monday.jsonl
orders 300 1 > tuesday.jsonl
orders 300 2 > wednesday.jsonl

run 0 "init" init
run 3 "one attribute cannot be both keys" backup Orders monday.jsonl --name monday \
    --partition-key InvoiceNo:S --sort-key InvoiceNo:S
complains "InvoiceNo"
run 0 "no table came of it" tables --json
json 'it == []'
run 0 "monday" backup Orders monday.jsonl --name monday "${KEYS[@]}" --time 2024-01-01T00:00:00Z
run 0 "tuesday" backup Orders tuesday.jsonl --name tuesday --time 2024-01-02T00:00:00Z
run 0 "wednesday" backup Orders wednesday.jsonl --name wednesday --time 2024-01-03T00:00:00Z
cp -r repository whole

# hole SEQUENCE: takes one commit out of the middle or from the end, and sees what the commands say.
hole() {
    local commit before
    rm -rf repository
    cp -r whole repository
    commit=$(echo repository/tables/*/commits/*"$1")
    rm "$commit"
    before=$(objects)
    for command in "head Orders" "tables" "restore Orders --latest --to latest.jsonl" \
        "backup Orders wednesday.jsonl --name thursday --time 2024-01-04T00:00:00Z"; do
        # shellcheck disable=SC2086
        run 20 "without commit $1, ${command%% *} tells of damage" $command
        complains "the commit is missing"
    done
    [ ! -e latest.jsonl ] || fail "an older state passed for the newest"
    [ "$before" = "$(objects)" ] || fail "something was built upon a history with a hole"
    run 20 "verify finds it" verify
}
hole 0
hole 1
hole 2

rm -rf repository
mv whole repository
orders 20000 > many.jsonl
run 0 "a larger table" backup Many many.jsonl --name many "${KEYS[@]}"
{ varve restore Many --latest --to - 2> errors || echo $? > status; } | head -1 > output
[ "$(cat status)" -eq 141 ] || fail "a reader that went away: exit status $(cat status)"
[ ! -s errors ] || fail "a reader that went away is no error to tell of"
ok "a restore to a pipe whose reader goes away ends with 141"
