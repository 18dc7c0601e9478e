#!/usr/bin/env bash
# What is missing is told of, and nothing is built upon a history with a hole.
source "$(dirname "$0")/common.sh"

orders 300 > monday.jsonl
orders 300 1 > tuesday.jsonl
orders 300 2 > wednesday.jsonl

run 0 "init" init
run 2 "one attribute cannot be both keys" backup Orders monday.jsonl --name monday \
    --partition-key InvoiceNo:S --sort-key InvoiceNo:S
complains "InvoiceNo"
run 0 "no table came of it" tables --json
json 'it == []'
run 0 "monday" backup Orders monday.jsonl --name monday "${KEYS[@]}" --time 2024-01-01T00:00:00Z
run 0 "tuesday" backup Orders tuesday.jsonl --name tuesday --time 2024-01-02T00:00:00Z
run 0 "wednesday" backup Orders wednesday.jsonl --name wednesday --time 2024-01-03T00:00:00Z
cp -r repository whole

# refused WHAT ARGUMENT…: the command ends with 20 and names the lost commit.
refused() {
    local what=$1
    shift
    run 20 "without commit $lost, $what" "$@"
    complains "commits/000000000000000$lost"
}
# warned WHAT ARGUMENT…: the command does its work, and tells of the lost commit.
warned() {
    local what=$1
    shift
    run 0 "without commit $lost, $what" "$@"
    complains "warning: "
    complains "commits/000000000000000$lost: the commit is missing"
}

# hole SEQUENCE NAME…: takes one commit out of the middle or from the end, and sees what the
# commands say. The backups named can be restored without it.
hole() {
    local before name
    lost=$1
    shift
    rm -rf repository ./*.restored
    cp -r whole repository
    rm repository/tables/*/commits/*"$lost"
    before=$(objects)

    # Who would build upon the history, or take from it, refuses.
    refused "a backup is refused" \
        backup Orders wednesday.jsonl --name thursday --time 2024-01-04T00:00:00Z
    refused "naming a state is refused" backup Orders --at 2024-01-02T00:00:00Z --name again
    refused "forgetting is refused" forget Orders monday
    refused "collecting is refused" prune --grace 0s
    [ "$before" = "$(objects)" ] || fail "something was built upon a history with a hole"

    # What vouches for all of it, and what would pass an older state for the newest, is refused.
    refused "the head is refused" head Orders
    refused "the newest state is refused" restore Orders --latest --to latest.restored
    [ ! -e latest.restored ] || fail "an older state passed for the newest"

    # What is there can be seen and restored.
    warned "tables are listed" tables
    says ", damaged"
    warned "backups are listed" backups Orders
    warned "checkpoints are listed" checkpoints Orders
    warned "the table is shown" show Orders
    for name in monday tuesday wednesday; do
        case " $* " in
            *" $name "*)
                warned "$name is restored" restore Orders --backup "$name" --to "$name.restored"
                same "$name.jsonl" "$name.restored"
                ;;
            *)
                refused "$name is refused" restore Orders --backup "$name" --to "$name.restored"
                [ ! -e "$name.restored" ] || fail "$name came back without its commit"
                ;;
        esac
    done
    run 20 "without commit $lost, verify finds it" verify
    [ "$before" = "$(objects)" ] || fail "a reader changed the repository"
}
hole 0
hole 1 monday
hole 2 monday tuesday

rm -rf repository
mv whole repository
orders 20000 > many.jsonl
run 0 "a larger table" backup Many many.jsonl --name many "${KEYS[@]}"
{ varve restore Many --latest --to - 2> errors || echo $? > status; } | head -1 > output
[ "$(cat status)" -eq 141 ] || fail "a reader that went away: exit status $(cat status)"
[ ! -s errors ] || fail "a reader that went away is no error to tell of"
ok "a restore to a pipe whose reader goes away ends with 141"
