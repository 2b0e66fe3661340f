"""`load_model`: a network with its diffusion, from a run of ours or from a published model.

A published model is a folder or a hub repository with `config.json` and `model.safetensors` (older: `pytorch_model.bin`);
the official training code writes a folder with `.hydra/config.yaml` and `checkpoints-meta/checkpoint.pth`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.run_checkpoint import find_checkpoint, load_trained, steps_present
from sedd.config.yaml.source import read_source
from sedd.data.hub import is_reachable
from sedd.diffusion import Graph, Noise, ScoreFunction
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer
from sedd.objective import Diffusion
from sedd.paths import run_dir
from sedd.registry import GRAPHS, NOISES, UnknownNameError
from sedd.runtime.device import choose_device
from sedd.runtime.provenance import file_sha256

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
PATTERNS = ("model*.safetensors*", "pytorch_model*.bin*")  # whole, or in parts with an index

Loaded = tuple[ScoreFunction, Graph, Noise]


def load_model(
    source: str | Path, device: torch.device | str | None = None, *, step: int | None = None
) -> Loaded:
    """`(model, graph, noise)`, the model, `model(x, sigma) -> log_score`, in evaluation mode with its averaged weights, which may
    have gradients: to use it alone, call it within `torch.no_grad()`.

    source: a run's name, its folder, or one of its checkpoints; a folder of a published model, in the hub's form or
        as the official code writes it; or the id of a hub repository, such as louaaron/sedd-small.
    device: where the model is put; None: on the GPU if there is one.
    step: which checkpoint of a run; the newest by default.
    Raises CheckpointError that says what was tried. Nothing is unpickled but tensors and plain values.
    """
    path, named = Path(source), run_dir(str(source))
    load, run = from_hub, None
    if path.is_file():
        load = from_checkpoint
    elif (path / ".hydra" / "config.yaml").is_file():  # asked first: it has `checkpoints`, too
        load = from_experiment_folder
    elif (path / "checkpoints").is_dir():
        run = path
    elif (path / "config.json").is_file():
        load = from_hub_folder
    elif steps_present(named):
        run = named
    device = choose_device() if device is None else device
    if run is not None:
        return from_checkpoint(find_checkpoint([run], step), device)
    if step is not None:
        raise CheckpointError(
            f"{source}: a step chooses among the checkpoints of a run, and this is not a run's folder or name"
        )
    return load(path, device)


def from_checkpoint(path: Path, device: torch.device | str) -> Loaded:
    """A checkpoint of ours; a denoiser as the score network that it implies."""
    trained = load_trained(path, device)
    objective = build_objective(trained.experiment, trained.vocab_size)
    if not isinstance(objective, Diffusion):
        raise CheckpointError(
            f"{path}: {trained.experiment.objective.type}, so it has no graph, no noise and no scores; "
            "draw from it with: sedd sample, or in Python with sedd.evaluate.open_run"
        )
    return objective.scores(trained.model), objective.graph, objective.noise


def from_hub(repository: Path, device: torch.device | str) -> Loaded:
    """A published model that is fetched from the hub, or was before."""
    return from_hub_folder(download(str(repository)), device)


def from_hub_folder(folder: Path, device: torch.device | str) -> Loaded:
    """A published model in the hub's form."""
    settings = read_source(folder / "config.json").values
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder}: has config.json, but neither of {', '.join(WEIGHTS)}")
    model, graph, noise = build(settings, folder / "config.json")
    return finish(model, read_tensors(path), path, device), graph, noise


def from_experiment_folder(folder: Path, device: torch.device | str) -> Loaded:
    """What the official training code writes; its average is a list in the order of the parameters."""
    settings = read_source(folder / ".hydra" / "config.yaml").values
    path = folder / "checkpoints-meta" / "checkpoint.pth"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, beside .hydra/config.yaml")
    content = read_tensors(path)
    model, graph, noise = build(settings, folder / ".hydra" / "config.yaml")
    names = [name for name, _ in model.named_parameters()]
    ema = content.get("ema") if isinstance(content, dict) else None
    shadow = ema.get("shadow_params") if isinstance(ema, dict) else None
    if not isinstance(shadow, list):
        raise CheckpointError(f"{path}: has no average of the weights, ema.shadow_params")
    if len(shadow) != len(names):
        raise CheckpointError(
            f"{path}: the average has {len(shadow)} tensors, the network {len(names)} parameters"
        )
    return (
        finish(model, dict(zip(names, shadow, strict=True)), path, device),
        graph,
        noise,
    )


def fetch_model(name: str) -> Path:
    """The folder of a published model: itself, or fetched from the hub. Raises CheckpointError."""
    folder = Path(name)
    is_there = (folder / "config.json").is_file() or (folder / ".hydra").is_dir()
    return folder if is_there else download(name)


def is_diffusion(folder: Path) -> bool:
    """Whether the model of a folder is a SEDD model: its configuration says the graph."""
    if (folder / ".hydra").is_dir():
        return True
    return "graph" in read_source(folder / "config.json").values


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the names and hashes of all files of weights; of the one there is, mostly."""
    patterns = (*PATTERNS, "checkpoints-meta/checkpoint.pth")
    files = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not files:
        raise CheckpointError(f"{folder}: holds no weights, neither of {', '.join(patterns)}")
    if len(files) == 1:
        return file_sha256(files[0])
    told = "".join(f"{path.name} {file_sha256(path)}\n" for path in files)
    return hashlib.sha256(told.encode()).hexdigest()


def download(repository: str) -> Path:
    """A hub repository's folder in the local cache, of which only what is read here is fetched."""
    from huggingface_hub import list_repo_files, snapshot_download

    try:
        there = list_repo_files(repository) if is_reachable() else []
        # the same weights are often there twice: in the old form they are left
        new = any(name.endswith(".safetensors") and "/" not in name for name in there)
        wanted = [pattern for pattern in PATTERNS if not new or pattern.startswith("model")]
        return Path(
            snapshot_download(
                repository,
                allow_patterns=["config.json", "tokenizer.json", *wanted],
                local_files_only=not there,
            )
        )
    except Exception as error:  # the hub's client raises many kinds: names, network, access
        raise CheckpointError(
            f"{repository!r} is not a model: no checkpoint file, no run under {run_dir('x').parent}, no folder with "
            f"config.json or .hydra/config.yaml, and the hub has none ({type(error).__name__}: {error})"
        ) from error


def read_tensors(path: Path) -> Any:
    """A file of safetensors, or a torch file of tensors and plain values; anything else in it is refused."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many kinds
        raise CheckpointError(
            f"{path}: cannot be read as weights ({type(error).__name__}: {error})"
        ) from error


def build(settings: Mapping[str, Any], path: Path) -> tuple[DiffusionTransformer, Graph, Noise]:
    """An empty network, graph and noise from a published configuration."""
    try:
        vocab_size, kind, shape = settings["tokens"], settings["graph"]["type"], settings["model"]
        graph, noise = GRAPHS[kind].load()(vocab_size), published_noise(settings["noise"])
        model = DiffusionTransformer(
            vocab_size=vocab_size,
            absorb=graph.mask is not None,
            hidden_size=shape["hidden_size"],
            n_blocks=shape["n_blocks"],
            n_heads=shape["n_heads"],
            cond_dim=shape["cond_dim"],
            dropout=shape["dropout"],
            scale_by_sigma=shape["scale_by_sigma"],
            generator=torch.Generator(),  # overwritten; the global one must not move
        )
    except KeyError as error:
        problem = error if isinstance(error, UnknownNameError) else f"{error} is missing"
        raise CheckpointError(
            f"{path}: not the configuration of a published SEDD model: {problem}"
        ) from error
    except (TypeError, ValueError) as error:  # a section that is no mapping, a size that cannot be
        raise CheckpointError(
            f"{path}: not the configuration of a published SEDD model: {error}"
        ) from error
    return model, graph, noise


def published_noise(section: Mapping[str, Any]) -> Noise:
    """The noise schedule of a published configuration, with the constants of the official code."""
    info = NOISES[section["type"]]
    if info.published is None:
        raise ValueError(f"the official code has no noise {section['type']!r}")
    return info.load()(
        **{
            key: float(section[key]) if constant is None else constant
            for key, constant in info.published.items()
        }
    )


def finish(
    model: DiffusionTransformer,
    weights: Mapping[str, torch.Tensor],
    path: Path,
    device: torch.device | str,
) -> DiffusionTransformer:
    """The network with these weights, ready to be used. Raises CheckpointError if they do not fit."""
    if not isinstance(weights, Mapping) or not all(
        isinstance(tensor, torch.Tensor) for tensor in weights.values()
    ):
        raise CheckpointError(f"{path}: holds no mapping from names to tensors")
    wanted = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = sorted(name for name, shape in wanted.items() if found.get(name) != shape)
    if wrong:
        told = [f"{name}: wants {wanted[name]}, found {found.get(name)}" for name in wrong[:6]]
        raise CheckpointError(f"{path}: weights do not fit the network:\n  " + "\n  ".join(told))
    model.load_state_dict({name: weights[name] for name in wanted}, strict=False)
    # the weights may still have gradients: of those that may not, autocast makes another copy at each call
    return model.to(device).eval()
