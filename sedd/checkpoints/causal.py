"""Causal language models of the Hugging Face library: exact likelihoods, texts, and features of texts.

They need the extra `evaluate` (transformers), which is imported when a model is opened. B texts, n or L tokens, H width,
V vocabulary. Arithmetic is float32. Logits are made for a few rows at a time: none of (B, L, V) is ever held.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sedd.checkpoints.language_model import Run
from sedd.checkpoints.load_model import weights_sha256
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.diffusion import sample_left_to_right
from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.errors import CheckpointError, DataError
from sedd.objective import Drawing
from sedd.objective.objective import Clamp, OnStep
from sedd.registry import SAMPLERS

INSTALL = "pip install -c constraints.txt 'sedd[evaluate]'"


@dataclass(frozen=True)
class CausalNetwork:
    """A network that predicts each token from those before it.

    name: as the user gave it. max_length: tokens that it can read at once.
    """

    name: str
    network: Any
    vocab_size: int
    max_length: int
    sha256: str
    device: torch.device
    own_tokenizer: Tokenizer | None

    def features(self, tokens: Tensor) -> Tensor:
        """Last states (B, n, H) of tokens (B, n). What is padded on the right changes nothing before it."""
        with torch.no_grad():
            return self.network.base_model(input_ids=tokens.to(self.device)).last_hidden_state

    def head(self, features: Tensor) -> Tensor:
        """Logits (..., V) of features (..., H)."""
        return self.network.get_output_embeddings()(features)

    def next_nats(self, tokens: Tensor) -> Tensor:
        """-log p of tokens 1 .. n-1 of (B, n), each given all before it: (B, n - 1) float64."""
        with torch.no_grad():
            features = self.features(tokens[:, :-1])
            targets = tokens[:, 1:].to(self.device)
            head = self.network.get_output_embeddings()
            flat = row_cross_entropy(
                features.flatten(0, 1), head.weight, head.bias, targets.flatten()
            )
        return flat.view(targets.shape).double().cpu()

    def check(self, tokenizer: Tokenizer, length: int) -> None:
        """Raise CheckpointError if it cannot read `length` tokens of that vocabulary."""
        own = self.own_tokenizer
        if own is not None and own.sha256 != tokenizer.sha256:
            raise CheckpointError(
                f"{self.name}: reads another vocabulary, {own.vocab_size} tokens with hash {own.sha256[:12]}, than "
                f"data.tokenizer {tokenizer.name!r}, {tokenizer.vocab_size} with hash {tokenizer.sha256[:12]}"
            )
        if self.vocab_size < tokenizer.vocab_size:
            raise CheckpointError(
                f"{self.name}: a network of {self.vocab_size} tokens cannot read data.tokenizer {tokenizer.name!r}, "
                f"which has {tokenizer.vocab_size}"
            )
        if length > self.max_length:
            raise CheckpointError(
                f"{self.name}: reads {self.max_length} tokens at once; data.length is {length}: lower it"
            )


def load_causal(folder: Path, name: str, device: torch.device) -> CausalNetwork:
    """The causal model of a folder. Raises CheckpointError."""
    try:
        import transformers
    except ImportError as error:
        raise CheckpointError(
            f"{name}: a model of the Hugging Face library needs `transformers`; install it with: {INSTALL}"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        network: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32
        )
    except Exception as error:  # the library and the readers under it raise many kinds
        raise CheckpointError(
            f"{name}: {folder} cannot be loaded as a causal language model: {str(error).splitlines()[0]}"
        ) from error
    network.to(device).eval().requires_grad_(False)
    config = network.config
    made = CausalNetwork(
        name=name,
        network=network,
        vocab_size=network.get_output_embeddings().weight.shape[0],
        max_length=getattr(config, "max_position_embeddings", None) or sys.maxsize,
        sha256=weights_sha256(folder),
        device=device,
        own_tokenizer=load_tokenizer(str(folder))
        if (folder / "tokenizer.json").is_file()
        else None,
    )
    check_head(made)
    return made


def check_head(made: CausalNetwork) -> None:
    """Raise CheckpointError if the logits of the network are not those of its last layer alone, as in most they are."""
    tokens = torch.arange(min(8, made.max_length, made.vocab_size), device=made.device)[None]
    with torch.no_grad():
        whole = made.network(input_ids=tokens).logits
        ours = made.head(made.features(tokens))
    if not torch.allclose(whole, ours, rtol=1e-3, atol=1e-3):
        raise CheckpointError(
            f"{made.name}: {type(made.network).__name__} does more to its logits than its last layer, which is not supported"
        )


@dataclass(frozen=True)
class CausalRun(Run):
    """A causal model as a run: its likelihood is exact, each text following a separator."""

    network: CausalNetwork

    def negative_log_likelihood(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        before = torch.full_like(x0[:, :1], self.tokenizer.separator_id)
        # the last token is predicted, never read: L tokens are within the network's reach
        return self.network.next_nats(torch.cat([before, x0], 1)).sum(1)

    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
    ) -> Tensor:
        if not SAMPLERS[drawing.sampler].left_to_right or drawing.steps != length:
            raise DataError(
                f"{self.experiment.name}: writes token by token: sampling.sampler must be "
                f"{', '.join(SAMPLERS.names(left_to_right=True))} and steps {length}, the length "
                f"of a text; got {drawing.sampler} and {drawing.steps}"
            )
        cache = None

        def next_logits(tokens: Tensor) -> Tensor:
            nonlocal cache
            out = self.network.network(
                input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            cache = out.past_key_values
            return out.logits[:, -1, : self.tokenizer.vocab_size].float()

        return sample_left_to_right(
            next_logits,
            self.tokenizer.separator_id,
            (size, length),
            prefix=self._prefix(size, length, clamp),
            temperature=drawing.temperature,
            top_p=drawing.top_p,
            precision=drawing.precision,
            generator=generator,
            device=self.device,
            on_step=on_step,
        ).cpu()

    def _prefix(self, size: int, length: int, clamp: Clamp | None) -> Tensor:
        """The given tokens (B, n), which must stand at the beginning."""
        if clamp is None:
            return torch.empty(size, 0, dtype=torch.long)
        tokens, mask = (part.expand(size, length) for part in clamp)
        count = int(mask[0].sum())
        if not bool(mask[:, :count].all()) or bool(mask[:, count:].any()):
            raise DataError(
                f"{self.experiment.name}: writes from left to right: only a prefix can be given, the same length in each text"
            )
        return tokens[:, :count].cpu()
