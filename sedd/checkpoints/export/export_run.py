"""A model as a folder that can be published."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from sedd.checkpoints.export.card import model_card
from sedd.checkpoints.export.export_published import export_published
from sedd.checkpoints.export.exported import Exported
from sedd.checkpoints.export.folder import check_free, replacing_folder
from sedd.checkpoints.export.form import published_form
from sedd.checkpoints.official import TOKENIZER_KEY, VOCABULARY_KEY
from sedd.checkpoints.recognize import (
    checkpoint_path,
    model_folder,
    recognize,
    recognize_weights,
)
from sedd.checkpoints.run_checkpoint import load_trained
from sedd.config import Pretrained, load_subject
from sedd.data.vocabularies import portable_file
from sedd.paths import evaluation_dir
from sedd.results.perplexity import read as read_perplexity
from sedd.runtime.atomic import replacing, write_json, write_text


def export(
    run: str,
    folder: Path,
    step: int | None = None,
    *,
    force: bool = False,
    repository: str | None = None,
) -> Exported:
    """Write the averaged weights of a run's checkpoint in the form of the published models.

    run: its name, its folder, or one of its checkpoints; or a published diffusion model. step: which
        checkpoint; None: the newest.
    force: replace an earlier export.
    repository: its id on the hub, if it will be uploaded; the model card then opens it by this id.
    Raises CheckpointError if there is no such checkpoint, if the published form cannot express the
    model, or if `folder` holds anything but an earlier export; ConfigError without the file of the
    dataset, whose licence the card states.
    """
    check_free(folder, force)
    source = recognize(run)
    if source.kind == "experiment":
        subject = load_subject(source.name, writes=False)
        if isinstance(subject, Pretrained):
            source = recognize_weights(subject.pretrained)
    if source.kind in ("folder", "hub"):
        return export_published(run, model_folder(source, step), folder, repository)
    trained = load_trained(checkpoint_path(source, step))
    name = trained.experiment.name
    form = published_form(trained)
    results = [
        read_perplexity(name, trained.step, path.stem)
        for path in sorted(evaluation_dir(name, trained.step).glob("*.json"))
    ]
    evaluations, stale = [], []
    for result in filter(None, results):
        if result.provenance.checkpoint_sha256 == trained.sha256:
            evaluations.append(result)
        else:
            stale.append(result.dataset)
    vocabulary = portable_file(trained.experiment.data.tokenizer)
    with replacing_folder(folder) as target:
        write_json(target / "config.json", form.config)
        card = model_card(trained, form.format.family, evaluations, repository)
        write_text(target / "README.md", card)
        if vocabulary is not None:
            write_text(target / "tokenizer.json", vocabulary)
        with replacing(target / "model.safetensors") as temporary:
            metadata = {"format": "pt", TOKENIZER_KEY: trained.experiment.data.tokenizer}
            if trained.tokenizer_sha256 is not None:
                metadata[VOCABULARY_KEY] = trained.tokenizer_sha256
            tensors = {key: value.contiguous() for key, value in form.tensors.items()}
            save_file(tensors, temporary, metadata=metadata)
    return Exported(folder, name, trained.step, evaluations, stale)
