#!/usr/bin/env bash
# The real program is killed again and again while a pipe feeds it, compaction and prune too; then
# every checkpoint is compared with a replay. VARVE_KILLS says how often, VARVE_SEED repeats a run.
source "$(dirname "$0")/common.sh"

python3 "$ROOT/Tools/end-to-end/killed.py" "$VARVE" "$HERE" "${VARVE_KILLS:-30}" "${VARVE_SEED:-}"
ok "nothing acknowledged was lost, and nothing came twice"
