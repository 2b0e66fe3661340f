"""From a run to a folder that can be published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file

from sedd.checkpoints.export.card import model_card
from sedd.checkpoints.export.folder import check_free, replacing_folder
from sedd.checkpoints.export.official_config import official_config
from sedd.checkpoints.run_checkpoint import find_checkpoint, load_trained
from sedd.paths import run_dir
from sedd.results.perplexity import PerplexityResult
from sedd.results.perplexity import read as read_perplexity
from sedd.runtime.atomic import replacing, write_json, write_text


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    evaluations: the numbers in its card. stale: texts whose numbers were left out, since another checkpoint, that
        stood in the same place before, was measured.
    """

    folder: Path
    run: str
    step: int
    evaluations: list[PerplexityResult]
    stale: list[str]


def export(run: str, folder: Path, step: int | None = None, *, force: bool = False) -> Exported:
    """Write the averaged weights of a run's checkpoint in the form of the published models.

    run: its name, or its folder. step: which checkpoint; the newest by default. force: replace an earlier export.
    Raises CheckpointError if there is no such checkpoint, if the form cannot say what the model is, or if `folder`
    holds anything else; ConfigError without the file of the dataset, whose licence the card tells.
    """
    name = Path(run).name if Path(run).parent == run_dir("x").parent else run
    check_free(folder, force)
    trained = load_trained(find_checkpoint([run_dir(name)], step))
    config = official_config(trained)
    found = [
        read_perplexity(name, trained.step, path.stem)
        for path in sorted((run_dir(name) / "eval" / f"step_{trained.step}").glob("*.json"))
    ]
    evaluations = [
        one for one in found if one and one.provenance.checkpoint_sha256 == trained.sha256
    ]
    stale = [
        one.dataset for one in found if one and one.provenance.checkpoint_sha256 != trained.sha256
    ]
    with replacing_folder(folder) as made:
        write_json(made / "config.json", config)
        write_text(made / "README.md", model_card(trained, evaluations))
        with replacing(made / "model.safetensors") as temporary:
            tensors = {key: value.contiguous() for key, value in trained.model.state_dict().items()}
            save_file(tensors, temporary, metadata={"format": "pt"})
    return Exported(folder, name, trained.step, evaluations, stale)
