#!/usr/bin/env bash
# Measures both paths on a CPU at the sizes of the table, and writes the table. On a quiet machine: about a quarter of an hour on two threads.
#   bash results/benchmarks/measure_cpu.sh [THREADS]
set -euo pipefail
cd "$(dirname "$0")/../.."
threads=${1:-1}
new=$(mktemp -d)  # until the end, so that every file names the code as it is committed, without changes
trap 'rm -rf "$new"' EXIT
bench() {  # NAME, then the words of the verb
    local name=$1
    shift
    .venv/bin/sedd bench "$@" --device cpu --threads "$threads" --plain --json "$new/cpu${threads}_$name.json"
}
network=(model.hidden_size=256 model.n_blocks=4 model.n_heads=4 model.cond_dim=128 model.dropout=0.1)
tiny=("${network[@]}" --vocab 50257 --length 128 --batch 8)
char=("${network[@]}" --vocab 27 --length 256 --batch 8)
small=(--model small --vocab 50257 --length 1024 --batch 1)
for graph in absorb uniform; do
    bench "train_tiny_$graph" train "${tiny[@]}" --graph "$graph" --steps 2 --repeats 6
    bench "head_tiny_$graph" head "${tiny[@]}" --graph "$graph" --steps 2 --repeats 4
    bench "perplexity_tiny_$graph" perplexity "${tiny[@]}" --graph "$graph" --steps 4 --repeats 16
    bench "sample_tiny_$graph" sample "${tiny[@]}" --graph "$graph" --steps 16 --repeats 4
    bench "train_char_$graph" train "${char[@]}" --graph "$graph" --steps 3 --repeats 6
    bench "train_char_${graph}_compiled" train "${char[@]}" --graph "$graph" --steps 3 --repeats 6 --compile
    bench "perplexity_char_$graph" perplexity "${char[@]}" --graph "$graph" --steps 3 --repeats 6
    bench "sample_char_$graph" sample "${char[@]}" --graph "$graph" --steps 16 --repeats 6
done
bench perplexity_tiny_absorb_stratified perplexity "${tiny[@]}" evaluation.estimator=stratified --graph absorb --steps 8 --repeats 4
bench train_small_absorb train "${small[@]}" --graph absorb --steps 1 --repeats 4
bench sample_small_absorb sample "${small[@]}" --graph absorb --steps 8 --repeats 4
mv "$new"/*.json results/benchmarks/
.venv/bin/python -m sedd.bench.index results/benchmarks
