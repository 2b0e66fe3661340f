"""Initial weights of the vocabulary layer, `training.output_init`.

As published, the layer is zero, and so are the gates of all blocks. A gate's gradient is a product
with the layer's weights, and the layer's with features that know nothing of other positions: this is
a saddle point. A training first learns the frequencies of the tokens, and then stays there for
hundreds of steps, which differ from seed to seed. Random weights give the gates a gradient at the
first step, and log frequencies in the bias are where the first phase ends.

Without a mask, whether a token was changed decides first how high the scores of all other tokens are.
With drawn vocabulary tokens, a step moves only the rows of its tokens, and from zero each row learns
this by itself. Equal rows share it from the first step.
differs from the official code, which always begins with zero.

V vocabulary size.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from sedd.config import Experiment
from sedd.model import DiffusionTransformer
from sedd.runtime.seeds import generator


@torch.no_grad()
def init_output_layer(
    model: DiffusionTransformer, experiment: Experiment, token_counts: np.ndarray | None
) -> None:
    """Fill the vocabulary layer of a new network, whose layer is zero.

    token_counts: (V,) occurrences in the training split; None: the same for all. One is added to
        each, as in the unigram baseline.
    """
    kind = experiment.training.output_init
    if kind == "zero":
        return
    model.output_layer.draw_weights(generator(experiment.seed, "output"))
    if kind == "equal":
        weight, bias = model.vocabulary_layer()
        weight.copy_(weight[0].expand_as(weight).clone())
        bias.zero_()
        return
    if token_counts is None:
        return
    counts = torch.from_numpy(token_counts) + 1.0
    bias = torch.log(counts / counts.sum())
    if model.scale_by_sigma:  # the network subtracts log V
        bias += math.log(len(counts))
    model.vocabulary_layer()[1][: len(counts)] = bias
