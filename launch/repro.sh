#!/usr/bin/env bash
# The graph on a machine that may be taken away: what other machines have finished comes from the DVC remote, replies that
# were paid for and checkpoints from a folder that outlives the machine; both are given back every ten minutes and at the end.
#   POTSTILL_SHARED   that folder: a shared file system, or a mounted bucket
#   POTSTILL_TARGETS  stages, spaces between them; without it the whole graph
#   POTSTILL_SAVE     seconds between two savings; 600 without it
# On several machines also, from the scheduler:
#   POTSTILL_HOSTS    a file with a line `address slots=8` for each; the checkout lies in a folder that all of them share
#   POTSTILL_GPU      the kind of their GPUs, as `python -m tools.plan --help` names them
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
: "${POTSTILL_SHARED:?names no folder that outlives this machine}"
mkdir -p "$POTSTILL_SHARED/checkpoints" .potstill
[ -e .potstill/checkpoints ] || ln -s "$(realpath "$POTSTILL_SHARED")/checkpoints" .potstill/checkpoints

save() {
  if [ -f .potstill/ledger.sqlite ]; then
    python -m tools.ledger export ".potstill/replies-$BASHPID.parquet"
    # to another file system mv copies: the name that is read is only ever whole
    mv ".potstill/replies-$BASHPID.parquet" "$POTSTILL_SHARED/replies-$BASHPID.part"
    mv "$POTSTILL_SHARED/replies-$BASHPID.part" "$POTSTILL_SHARED/replies.parquet"
  fi
  dvc --wait-for-lock push --run-cache --quiet
}
keep_saving() {
  trap 'kill "$pause"' EXIT
  trap 'exit 0' TERM
  while true; do
    sleep "${POTSTILL_SAVE:-600}" &
    pause=$!
    wait "$pause"
    save || true
  done
}
save_at_the_end() {
  code=$?
  trap - EXIT
  kill "$saving" "$repro" 2>/dev/null || true
  wait "$repro" || true
  wait "$saving" || true
  save || echo "what is finished could not be saved" >&2
  exit "$code"
}

[ ! -f "$POTSTILL_SHARED/replies.parquet" ] || python -m tools.ledger import "$POTSTILL_SHARED/replies.parquet"
dvc pull --run-cache --allow-missing --quiet || echo "the DVC remote has not all of this commit's results: the rest is made" >&2
if [ -n "${POTSTILL_HOSTS:-}" ]; then
  for student in 8b 70b; do
    python -m tools.plan "$student" --hostfile "$POTSTILL_HOSTS" --gpu "${POTSTILL_GPU:?names no kind of GPU}" --write
  done
fi
keep_saving &
saving=$!
# shellcheck disable=SC2086 # several targets are several words
dvc --wait-for-lock repro ${POTSTILL_TARGETS:-} &  # in the background, because bash hears of a signal only between commands
repro=$!
trap save_at_the_end EXIT
trap 'exit 143' TERM
wait "$repro"
