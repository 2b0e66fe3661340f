#!/usr/bin/env bash
# Measures this package on one GPU: its GPU tests, then speed, memory and utilization of training,
# of the likelihood bound and of sampling, a profile, and the loss of 100 training steps on the
# packaged text beside the CPU's. Each step prints its result as it ends and leaves OUT/STEP.log,
# and OUT/STEP.json if it is a benchmark. A step that fails does not stop the others; one that has no
# sense here says why.
#   bash results/benchmarks/measure_gpu.sh [--out OUT] [--only REGEX] [--list]
#   bash results/benchmarks/measure_gpu.sh --device cpu --tiny     # the same steps without a GPU
# Exit code: 0 if every step ended well, else 1.
set -uo pipefail
cd "$(dirname "$0")/../.."
device=cuda tiny= only=. list= out=results/benchmarks/gpu
while (($#)); do
    case $1 in
        --device) device=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --only) only=$2; shift 2 ;;
        --tiny) tiny=yes; shift ;;
        --list) list=yes; shift ;;
        *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
    esac
done
python=${PYTHON:-.venv/bin/python}
failed=()

step() {  # NAME, then a command
    local name=$1 start=$SECONDS code
    shift
    [[ $name =~ $only ]] || return 0
    if [[ $list ]]; then
        echo "$name: $(printf '%q ' "$@")"
        return 0
    fi
    mkdir -p "$out"
    "$@" > "$out/$name.log" 2>&1
    code=$?
    echo "== $name: $([[ $code = 0 ]] && echo done || echo "failed, exit code $code") in $((SECONDS - start)) s"
    if [[ $code = 0 ]]; then
        grep -vE '^(Medians|Peak memory:|Step:|$)' "$out/$name.log" | tail -n 26
    else
        tail -n 8 "$out/$name.log"
        failed+=("$name")
    fi
}

skip() {  # NAME, then the reason
    [[ $1 =~ $only && ! $list ]] && echo "== $1: skipped, $2"
    return 0
}

bench() {  # NAME, then the words of `sedd bench`
    local name=$1
    shift
    step "$name" "$python" -m sedd bench "$@" --device "$device" --json "$out/$name.json"
}

size=(--vocab 50257 --length 1024)
work=(--steps 4 --repeats 3) draw=(--steps 32 --repeats 3) small=32 medium=16 drawn=16
if [[ $tiny ]]; then
    size=(--vocab 60 --length 16 model.hidden_size=32 model.n_blocks=1 model.n_heads=2 model.cond_dim=16)
    work=(--steps 1 --repeats 1) draw=("${work[@]}") small=2 medium=2 drawn=2
fi

step tests "$python" -m pytest -q -m gpu
for graph in absorb uniform; do
    for model in small medium; do
        words=(--model "$model" --graph "$graph" "${size[@]}")
        bench "train_${model}_$graph" train "${words[@]}" "${work[@]}" --batch "${!model}"
        bench "train_${model}_${graph}_compiled" train "${words[@]}" "${work[@]}" --batch "${!model}" --compile
        bench "bound_${model}_$graph" perplexity "${words[@]}" "${work[@]}" --batch "${!model}"
        bench "sample_${model}_$graph" sample "${words[@]}" "${draw[@]}" --batch "$drawn"
        # one text at a time: the time to start kernels is a large part, and compiling saves some of it
        bench "sample_one_${model}_$graph" sample "${words[@]}" "${draw[@]}" --batch 1
        bench "sample_one_${model}_${graph}_compiled" sample "${words[@]}" "${draw[@]}" --batch 1 --compile
    done
    words=(--model small --graph "$graph" "${size[@]}" --batch 2 --plain)
    bench "plain_train_$graph" train "${words[@]}" "${work[@]}"
    bench "plain_bound_$graph" perplexity "${words[@]}" "${work[@]}"
    bench "plain_sample_$graph" sample "${words[@]}" "${draw[@]}"
    bench "profile_train_$graph" train --model small --graph "$graph" "${size[@]}" --steps 1 --repeats 1 --batch "$small" --profile
done
if "$python" -c 'import flash_attn' 2> /dev/null; then  # the other steps use it; here it is hidden
    step train_small_absorb_without_flash "$python" -c '
import sys
sys.modules["flash_attn"] = None
from sedd.cli import main
main()' bench train --model small "${size[@]}" "${work[@]}" --batch "$small" --device "$device" --json "$out/train_small_absorb_without_flash.json"
else
    skip train_small_absorb_without_flash "flash_attn is not installed, so no step uses it"
fi

steps=100 run=tiny_absorb
[[ $tiny ]] && steps=10 run=smoke_absorb
curve=(training.steps=$steps training.checkpoint_every=$steps training.warmup_steps=5 training.log_every=$((steps / 10)))
here=measured_${run}_${device//:/} cpu=measured_${run}_cpu
step tokens "$python" -m sedd tokenize --dataset wiki --tokenizer text8
step loss_cpu "$python" -m sedd train "$run" "${curve[@]}" --device cpu --name "$cpu"
columns=(cpu "$cpu")
if [[ $here != "$cpu" ]]; then
    step loss_here "$python" -m sedd train "$run" "${curve[@]}" --device "$device" --name "$here"
    columns=("$device" "$here" "${columns[@]}")
else
    skip loss_here "the device is the CPU"
fi
step losses "$python" -c '
import json, sys
from sedd.paths import metrics_file
devices, names = sys.argv[1::2], sys.argv[2::2]
curves = [
    {one["step"]: one["loss_nats_per_token"] for one in map(json.loads, metrics_file(name).read_text().splitlines()) if one["kind"] == "train"}
    for name in names
]
print("step", *devices, "(training loss, nats per token)", sep="   ")
for step in sorted(set.intersection(*map(set, curves))):
    print(f"{step:4}", *(f"{curve[step]:.3f}" for curve in curves), sep="   ")' "${columns[@]}"

if ((${#failed[@]})); then
    echo "failed: ${failed[*]}; their logs are in $out" >&2
    exit 1
fi
