"""Keys of the official code's configuration that have another name here, or none.

Keys that both have, such as training.accum, graph.type and model.scale_by_sigma, are not listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEFT_OUT = "leave it out"

OFFICIAL_KEYS = {
    "ngpus": "set gpus_per_node in a file of config/cluster, and train with --cluster",
    "tokens": f"{LEFT_OUT}: data.tokenizer determines the number of tokens",
    "training.n_iters": "set training.steps",
    "training.snapshot_freq": "set training.checkpoint_every",
    "training.log_freq": "set training.log_every",
    "training.eval_freq": "set training.validate_every",
    "training.snapshot_freq_for_preemption": "set training.save_every",
    "training.weight": f"{LEFT_OUT}: the loss has the standard weights",
    "training.snapshot_sampling": f"{LEFT_OUT}: `sedd sample` draws from each checkpoint",
    "training.ema": "set training.ema_decay",
    "data.train": "set data.dataset, a file of config/datasets",
    "data.valid": f"{LEFT_OUT}: the validation split of data.dataset is used",
    "data.cache_dir": f"{LEFT_OUT}: tokens are kept in results/data",
    "graph.file": LEFT_OUT,
    "graph.report_all": LEFT_OUT,
    "sampling.predictor": "set sampling.sampler",
    "sampling.noise_removal": "set sampling.denoise",
    "eval.batch_size": f"{LEFT_OUT}: a validation uses the batches of the training",
    "eval.perplexity": "set generative.steps; an empty list measures nothing",
    "eval.perplexity_batch_size": "set generative.batch_size",
    "optim.optimizer": f"{LEFT_OUT}: the optimizer is AdamW",
    "optim.lr": "set training.lr",
    "optim.beta1": "set training.beta1",
    "optim.beta2": "set training.beta2",
    "optim.eps": "set training.eps",
    "optim.weight_decay": "set training.weight_decay",
    "optim.warmup": "set training.warmup_steps",
    "optim.grad_clip": "set training.grad_clip",
    "model.name": "set model to a file of config/model, such as model=small",
    "model.type": f"{LEFT_OUT}: there is one kind of network",
    "model.length": "set data.length",
    "hydra": f"{LEFT_OUT}: a run is kept in results/runs/NAME, and config/cluster describes jobs",
    "load_dir": f"{LEFT_OUT}: `sedd train NAME` resumes the run NAME",
}
"""what to do in place of each key, by the key with its section"""


def answers(keys: Mapping[str, str], key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Answers to an unknown key or, for a section, to each of its keys: the key and a message.

    keys: such as OFFICIAL_KEYS. Empty if none of them is the key of another program.
    """
    if key in keys:
        yield key, f"unknown key, of the official code; here: {keys[key]}"
        return
    inner = [f"{key}.{name}" for name in value] if isinstance(value, Mapping) else []
    if any(name in keys for name in inner):
        for name in inner:
            yield from answers(keys, name, None) if name in keys else [(name, "unknown key")]
