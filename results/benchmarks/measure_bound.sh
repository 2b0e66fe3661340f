#!/usr/bin/env bash
# Measures the time to a bound on a CPU, in one thread: the paper's recipe against one that
# begins with the frequencies of the tokens and draws times with density 1 / t.
# A killed measurement continues; to measure anew, remove its file first.
#   bash results/benchmarks/measure_bound.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
ours=(training.output_init=unigram training.time_density=reciprocal training.time_eps=0.02 training.steps=800 training.checkpoint_every=800)
.venv/bin/sedd bench bound tiny_absorb "${ours[@]}" --until 2.4 --limit 2000 --sequences 2048 \
    --official-rate 0.001 --official-rate 0.002 --official-rate 0.004 --rate 0.002 --rate 0.004 --rate 0.008 \
    --json results/benchmarks/cpu1_bound_char_absorb.json
