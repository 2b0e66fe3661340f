#!/usr/bin/env bash
# Measures the time to a bound on a CPU, in one thread: the paper's recipe against ours, for characters
# and the vocabulary of GPT-2, absorbing and uniform. About three hours on one core.
# A killed measurement continues; to measure anew, remove its file first.
#   bash results/benchmarks/measure_bound.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
measure() {  # NAME EXPERIMENT OPTION...
    .venv/bin/sedd bench bound "${@:2}" --json "results/benchmarks/cpu1_bound_$1.json"
}
measure char_absorb tiny_absorb training.lr=0.002 training.time_eps=0.02 training.steps=800 \
    training.checkpoint_every=800 --until 2.4 --limit 2000 --sequences 2048 \
    --official-rate 0.001 --official-rate 0.002 --official-rate 0.004 \
    --rate 0.002 --rate 0.004 --rate 0.008
measure char_uniform tiny_uniform training.steps=800 training.checkpoint_every=800 \
    --until 2.5 --limit 4000 --sequences 1024 --draws 8 \
    --official-rate 0.004 --official-rate 0.008 --official-rate 0.002 \
    --rate 0.004 --rate 0.006 --rate 0.002
measure bpe_absorb tiny_absorb_bpe training.batch_size=32 training.steps=700 \
    training.checkpoint_every=100 training.validate_every=100 \
    --until 7.0 --limit 1500 --sequences 774 --draws 8 \
    --official-rate 0.003 --official-rate 0.006 --official-rate 0.0015 \
    --rate 0.003 --rate 0.002 --rate 0.004
measure bpe_uniform tiny_absorb_bpe graph.type=uniform training.output_init=equal \
    training.time_eps=0.1 training.lr=0.004 training.batch_size=16 training.steps=700 \
    training.checkpoint_every=100 training.validate_every=100 \
    --until 7.8 --limit 500 --sequences 256 --draws 8 \
    --official-rate 0.004 --official-rate 0.008 --official-rate 0.002 \
    --rate 0.004 --rate 0.002 --rate 0.008
