"""Devices: what can be used is decided from names and compute capabilities alone."""

import pytest
import torch

from sedd.checkpoints.open import open_language_model
from sedd.config import load_experiment
from sedd.errors import CheckpointError, ConfigError, DataError, JobError
from sedd.runtime.device import choose_device, uses_bfloat16
from sedd.train import train


@pytest.mark.parametrize("name", ["meta", "mps", "xpu", "cuda:99", "gpu", "", "cpu:-7"])
def test_a_device_that_cannot_be_used_is_one_line_that_names_it(name):
    with pytest.raises(ConfigError, match="--device") as caught:
        choose_device(name)
    assert len(str(caught.value).splitlines()) == 2
    if name in ("meta", "mps", "xpu"):
        assert f"must be cpu, cuda or cuda:N; got {name}: use cpu" in str(caught.value)


def test_the_cpu_can_be_used():
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_slurm_job_with_gpus_that_pytorch_does_not_see_is_refused(monkeypatch):
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "0")
    assert choose_device() == torch.device("cpu")
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "2")
    with pytest.raises(JobError, match=r"has 2 GPU.* but PyTorch .* sees none .*--device cpu"):
        choose_device()
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("capability", [(6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0), (12, 0)])
def test_old_gpus_compute_in_float32_and_refuse_bfloat16(capability):
    is_old = capability < (
        8,
        0,
    )  # before Ampere; flash-attn needs half precision, so it is not used
    assert uses_bfloat16("auto", capability) is not is_old
    assert uses_bfloat16("float32", capability) is False
    if is_old:
        version = ".".join(map(str, capability))
        with pytest.raises(ConfigError, match=f"compute capability {version}; bfloat16 needs 8.0"):
            uses_bfloat16("bfloat16", capability)
    else:
        assert uses_bfloat16("bfloat16", capability)


def test_bfloat16_is_refused_before_data_and_model_are_read(project, monkeypatch):
    """There are no tokens and no checkpoint: whoever reads them first says so."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    gpu = torch.device("cuda")
    wanted = load_experiment("smoke_absorb", ["training.precision=bfloat16"], rename="half")
    for use in (train, open_language_model):
        arguments = (wanted, None, gpu)
        with pytest.raises(ConfigError, match=r"compute capability 7\.5; bfloat16"):
            use(*arguments)
        with pytest.raises((DataError, CheckpointError)):
            use(load_experiment("smoke_absorb"), None, gpu)
