"""Causal language models of the Hugging Face library: likelihoods, samples and features.

They need the extra `evaluate` (transformers), which is imported when a model is opened. Arithmetic
is float32. Logits are computed for a few rows at a time, so that no table (B, L, V) is held in
memory.

B texts, n or L tokens, H width, V vocabulary.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sedd.checkpoints.content import require_usable
from sedd.checkpoints.hub import folder_tokenizer, weights_sha256
from sedd.checkpoints.language_model import LanguageModel
from sedd.data.tokenizers import Tokenizer
from sedd.diffusion import check_prefix, sample_left_to_right
from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.errors import CheckpointError, DataError, first_line
from sedd.objective import Drawing
from sedd.objective.objective import Clamp, OnStep
from sedd.registry import SAMPLERS

INSTALL = "pip install -c constraints.txt 'sedd[evaluate]'"


@dataclass(frozen=True)
class CausalTransformer:
    """A network that predicts each token from the tokens before it.

    name: hub id or folder, as the user gave it. max_length: largest number of tokens in one input.
    own_tokenizer: that of the model's folder; None if it holds no `tokenizer.json`.
    """

    name: str
    network: Any
    vocab_size: int
    max_length: int
    sha256: str
    device: torch.device
    own_tokenizer: Tokenizer | None

    def features(self, tokens: Tensor) -> Tensor:
        """Last hidden states (B, n, H) of tokens (B, n); padding on the right does not matter."""
        with torch.no_grad():
            return self.network.base_model(input_ids=tokens.to(self.device)).last_hidden_state

    def head(self, features: Tensor) -> Tensor:
        """Logits (..., V) of features (..., H)."""
        return self.network.get_output_embeddings()(features)

    def next_nats(self, tokens: Tensor) -> Tensor:
        """-log p of tokens 1 .. n-1 of (B, n), given those before: (B, n - 1) float64, CPU."""
        with torch.no_grad():
            features = self.features(tokens[:, :-1])
            targets = tokens[:, 1:].to(self.device)
            head = self.network.get_output_embeddings()
            flat = row_cross_entropy(
                features.flatten(0, 1), head.weight, head.bias, targets.flatten()
            )
        return flat.view(targets.shape).double().cpu()

    def check(self, tokenizer: Tokenizer, length: int) -> None:
        """Raise CheckpointError unless the network reads `length` tokens of this vocabulary."""
        own = self.own_tokenizer
        if own is not None and own.sha256 != tokenizer.sha256:
            raise CheckpointError(
                f"{self.name}: reads another vocabulary ({own.vocab_size} tokens, hash {own.sha256[:12]}) than "
                f"data.tokenizer {tokenizer.name!r} ({tokenizer.vocab_size} tokens, hash {tokenizer.sha256[:12]})"
            )
        if self.vocab_size < tokenizer.vocab_size:
            raise CheckpointError(
                f"{self.name}: its vocabulary has {self.vocab_size} tokens, but data.tokenizer {tokenizer.name!r} has "
                f"{tokenizer.vocab_size}; name the tokenizer of the model"
            )
        if length > self.max_length:
            raise CheckpointError(
                f"{self.name}: reads {self.max_length} tokens at once; data.length is {length}: lower it"
            )


# Without the second key, the library asks whether to run the code of a folder with `auto_map`.
TRUST: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def context_length(folder: Path, name: str) -> int:
    """Largest number of tokens in one input, as the configuration in the folder says."""
    transformers = library(name)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **TRUST)
    except Exception as error:  # the library raises many kinds
        raise not_causal(name, folder, error) from error
    return getattr(config, "max_position_embeddings", None) or sys.maxsize


def library(name: str) -> Any:
    """The Hugging Face library, without its progress bars and warnings.

    Raises CheckpointError, with the command that installs it, if it is missing.
    """
    try:
        import transformers
    except ImportError as error:
        raise CheckpointError(
            f"{name}: a model of the Hugging Face library needs `transformers`; install it with: {INSTALL}"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def not_causal(name: str, folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{name}: {folder} cannot be loaded as a causal language model: {first_line(error)}"
    )


def load_causal(folder: Path, name: str, device: torch.device) -> CausalTransformer:
    """The causal model of a folder. Raises CheckpointError if it cannot be loaded or used."""
    transformers = library(name)
    try:
        network: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder, **TRUST, dtype=torch.float32
        )
    except Exception as error:  # the library and the readers under it raise many kinds
        raise not_causal(name, folder, error) from error
    require_usable(network.named_parameters(), name)
    network.to(device).eval().requires_grad_(False)
    config = network.config
    causal = CausalTransformer(
        name=name,
        network=network,
        vocab_size=network.get_output_embeddings().weight.shape[0],
        max_length=getattr(config, "max_position_embeddings", None) or sys.maxsize,
        sha256=weights_sha256(folder),
        device=device,
        own_tokenizer=folder_tokenizer(folder, name),
    )
    check_head(causal)
    return causal


def check_head(causal: CausalTransformer) -> None:
    """Raise CheckpointError unless the logits are the output of the last layer, unchanged."""
    size = min(8, causal.max_length, causal.vocab_size)
    tokens = torch.arange(size, device=causal.device)[None]
    with torch.no_grad():
        expected = causal.network(input_ids=tokens).logits
        logits = causal.head(causal.features(tokens))
    if not torch.allclose(expected, logits, rtol=1e-3, atol=1e-3):
        raise CheckpointError(
            f"{causal.name}: {type(causal.network).__name__} changes its logits after the last layer, which is not supported"
        )


def cache_argument(network: Any) -> str:
    """The library's name for the keys and values of earlier tokens: it depends on its version."""
    names = inspect.signature(network.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


@dataclass(frozen=True)
class CausalModel(LanguageModel):
    """A causal model of the Hugging Face library: exact likelihoods, given a separator."""

    network: CausalTransformer

    def negative_log_likelihood(
        self, x0: Tensor, generator: torch.Generator, given: Tensor | None = None
    ) -> Tensor:
        before = torch.full_like(x0[:, :1], self.tokenizer.separator_id)
        # the last token is predicted but not read, so that the network reads L tokens
        nats = self.network.next_nats(torch.cat([before, x0], 1))
        if given is not None:
            try:
                check_prefix(given)
            except ValueError as error:
                raise DataError(f"{self.name}: {error}") from error
            nats = nats.masked_fill(given, 0.0)
        return nats.sum(1)

    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
        calls: Tensor | None = None,
    ) -> Tensor:
        if not SAMPLERS[drawing.sampler].left_to_right or drawing.steps != length:
            raise DataError(
                f"{self.name}: samples one token per step: sampling.sampler must be "
                f"{', '.join(SAMPLERS.names(left_to_right=True))} and steps {length}, the length of a text; "
                f"got {drawing.sampler} and {drawing.steps}"
            )
        cache, cache_name = None, cache_argument(self.network.network)

        def next_logits(tokens: Tensor) -> Tensor:
            nonlocal cache
            out = self.network.network(
                input_ids=tokens, use_cache=True, logits_to_keep=1, **{cache_name: cache}
            )
            cache = out[cache_name]
            return out.logits[:, -1, : self.tokenizer.vocab_size].float()

        return sample_left_to_right(
            next_logits,
            self.tokenizer.separator_id,
            (size, length),
            prefix=self._prefix(size, length, clamp),
            **drawing.arguments(),
            generator=generator,
            device=self.device,
            on_step=on_step,
            calls=calls,
        ).cpu()

    def _prefix(self, size: int, length: int, clamp: Clamp | None) -> Tensor:
        """The clamped tokens (B, n). Raises DataError unless every text clamps its first n tokens."""
        if clamp is None:
            return torch.empty(size, 0, dtype=torch.long)
        tokens, mask = (part.expand(size, length) for part in clamp)
        count = int(mask[0].sum())
        if not bool(mask[:, :count].all()) or bool(mask[:, count:].any()):
            raise DataError(
                f"{self.name}: samples from left to right: only a prefix can be given, with the same length in each text"
            )
        return tokens[:, :count].cpu()
