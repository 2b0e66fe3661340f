"""The Python interface: `open_model` for any source, and `Model`, which samples and scores texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch

from sedd.checkpoints.causal import CausalModel
from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.checkpoints.open import open_language_model
from sedd.config import Experiment, Pretrained, measuring_seed, with_changes
from sedd.data.tokenizers import Tokenizer
from sedd.diffusion import Graph, Noise
from sedd.errors import DataError
from sedd.evaluate.conditional import encode_pair, misfit
from sedd.evaluate.passages import Nats, Passage, length_batches, passage_nats
from sedd.objective import Diffusion
from sedd.runtime.seeds import generator
from sedd.sampling.draw import draw_requests, draw_samples, with_sampling
from sedd.sampling.prompt_file import to_requests


class Model:
    """A model that is open for use. Made by `open_model`."""

    def __init__(self, language_model: LanguageModel):
        self.language_model = language_model

    def __repr__(self) -> str:
        inner = self.language_model
        return (
            f"<sedd model {inner.name}, step {inner.step}: {type(self.network).__name__}, "
            f"tokenizer {self.tokenizer.name}, {self.length} tokens, on {inner.device}>"
        )

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back, in the vocabulary that the model was trained with."""
        return self.language_model.tokenizer

    @property
    def length(self) -> int:
        """Tokens of a sampled text, and at most of a scored one."""
        return self.language_model.length

    @property
    def is_exact(self) -> bool:
        """Whether `nll` is exact: True for autoregressive and causal models, False for diffusions."""
        return self.language_model.is_exact

    @property
    def network(self) -> torch.nn.Module:
        """The network, in evaluation mode with its averaged weights."""
        inner = self.language_model
        if isinstance(inner, NetworkModel):
            return inner.network
        assert isinstance(inner, CausalModel), "there are two kinds of models"
        return inner.network.network

    @property
    def graph(self) -> Graph | None:
        """The graph of a diffusion; None for other models."""
        return self._diffusion.graph if self._diffusion else None

    @property
    def noise(self) -> Noise | None:
        """The noise schedule of a diffusion; None for other models."""
        return self._diffusion.noise if self._diffusion else None

    @property
    def _diffusion(self) -> Diffusion | None:
        objective = getattr(self.language_model, "objective", None)
        return objective if isinstance(objective, Diffusion) else None

    def sample(
        self,
        prefix: str = "",
        suffix: str = "",
        parts: Mapping[int, str] | None = None,
        *,
        prompts: Sequence[str | Mapping[str, Any]] | None = None,
        count: int = 1,
        steps: int | None = None,
        sampler: str | None = None,
        length: int | None = None,
        top_p: float | None = None,
        precision: str | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> list[str]:
        """Sample `count` texts, freely or around given text. `sedd sample` draws the same texts.

        prefix, suffix: text that every sample begins and ends with.
        parts: texts inside every sample, by the position (in tokens) of their first token.
        prompts: instead of these, many prompts: `count` texts of the first, of the second, and so
            on. A string is a prefix; a mapping has the keys of a line of `sedd sample --prompts`:
            prefix, suffix, template ("The [20] of France"), count, seed.
        length: tokens of a text. Above the model's own length, the text is drawn in windows;
            overlap=... tokens are shared by neighbors.
        options: of the sampler, keys of the section `sampling`: temperature=0.8, for example.
        All other parameters: None: as in the experiment's settings.
        Raises ConfigError for settings that contradict each other or the model; DataError if the
        given text does not fit, or if the model does not support it: autoregressive and causal
        models take a prefix only.
        """
        experiment = with_sampling(
            self.language_model.experiment,
            count=count,
            sampler=sampler,
            steps=steps,
            precision=precision,
            top_p=top_p,
            length=length,
            **options,
        )
        model = replace(self.language_model, experiment=experiment)
        seed = measuring_seed(experiment) if seed is None else seed
        if prompts is None:
            texts = draw_samples(model, prefix=prefix, suffix=suffix, pieces=parts, seed=seed)
        elif prefix or suffix or parts:
            raise TypeError("prompts contain the given text: leave out prefix, suffix and parts")
        else:
            requests = to_requests(prompts, experiment, self.tokenizer, count, seed)
            texts = draw_requests(model, requests)
        return [text["text"] for text in texts]

    def nll(
        self, texts: Sequence[str], *, num_draws: int | None = None, seed: int | None = None
    ) -> list[float]:
        """Negative log likelihood of each text, in nats: the sum over its tokens.

        A text is tokenized without a separator and scored at its own number of tokens, which is at
        most `length`; the empty text has 0 nats. What is computed depends on the model:

        autoregressive runs: the exact value, -log p of every token given those before it.
        causal models of the Hugging Face library: the exact value, given a separator before the
        text.
        diffusions: an unbiased estimate of an upper bound, from `num_draws` random times by the
            experiment's `evaluation.estimator`, as `sedd perplexity` computes it. A text's draws
            depend on `seed` and on its position in `texts` only.

        num_draws: None: evaluation.num_draws; exact models make no draws.
        seed: None: the experiment's.
        Raises DataError for a text of more than `length` tokens.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a list of strings, not a string")
        model = self._with_draws(num_draws)
        seed = measuring_seed(model.experiment) if seed is None else seed
        token_ids = self.tokenizer.encode_batch(texts)
        for index, tokens in enumerate(token_ids):
            if len(tokens) > self.length:
                raise DataError(
                    f"text {index} has {len(tokens)} tokens, more than the {self.length} of this model: cut it, or open "
                    "the model with a larger length=..."
                )
        nats = [0.0] * len(texts)
        # a bound's random draws would depend on the other texts of a batch
        size = model.experiment.evaluation.batch_size if self.is_exact else 1
        for batch in length_batches([len(tokens) for tokens in token_ids], size):
            x0 = torch.tensor([token_ids[index] for index in batch])
            values = model.negative_log_likelihood(x0, generator(seed, "nll", batch[0]))
            for index, value in zip(batch, values.tolist(), strict=True):
                nats[index] = value
        return nats

    @overload
    def score(
        self,
        context: str,
        continuation: str,
        *,
        num_draws: int | None = None,
        seed: int | None = None,
    ) -> Nats: ...

    @overload
    def score(
        self,
        context: str | Sequence[str],
        continuation: list[str] | tuple[str, ...],
        *,
        num_draws: int | None = None,
        seed: int | None = None,
    ) -> list[Nats]: ...

    def score(
        self,
        context: str | Sequence[str],
        continuation: str | list[str] | tuple[str, ...],
        *,
        num_draws: int | None = None,
        seed: int | None = None,
    ) -> Nats | list[Nats]:
        """-log p(continuation | context) in nats, with its standard error. As `sedd score`.

        Exact for autoregressive and causal models, with error 0. For an absorbing diffusion an
        upper bound: the context stays clean, and only the continuation is corrupted.

        context, continuation: two texts; two lists of equal length; or one context and a list of
            continuations, which are then scored with the same random draws. White space at the end
            of a context belongs to the continuation.
        num_draws, seed: as for `nll`.
        Raises DataError for a uniform diffusion with a context that is not empty, and for texts
        longer than the model.
        """
        continuations = [continuation] if isinstance(continuation, str) else list(continuation)
        is_shared = isinstance(context, str)
        contexts = [context] * len(continuations) if is_shared else list(context)
        if len(contexts) != len(continuations):
            raise ValueError(
                "context and continuation must be lists of equal length, got "
                f"{len(contexts)} and {len(continuations)}"
            )
        passages = []
        for index, pair in enumerate(zip(contexts, continuations, strict=True)):
            given, tokens = encode_pair(self.tokenizer, *pair)
            length = self.language_model.experiment.data.length
            if what := misfit(given, tokens, length, "the continuation"):
                raise DataError(f"text {index}: {what}")
            passages.append(Passage([*given, *tokens], len(given), 0 if is_shared else index))
        model = self._with_draws(num_draws)
        seed = measuring_seed(model.experiment) if seed is None else seed
        nats, _ = passage_nats(model, passages, seed=seed, title=f"score {model.name}")
        return nats[0] if isinstance(continuation, str) and is_shared else nats

    def _with_draws(self, num_draws: int | None) -> LanguageModel:
        """The model with another evaluation.num_draws; exact models make no draws."""
        model = self.language_model
        if num_draws is None or self.is_exact:
            return model
        changed = with_changes(model.experiment, {"evaluation.num_draws": num_draws})
        return replace(model, experiment=changed)


def open_model(
    source: str | Path | Experiment | Pretrained,
    device: torch.device | str | None = None,
    *,
    step: int | None = None,
    tokenizer: str | None = None,
    length: int | None = None,
) -> Model:
    """Open a model with its tokenizer.

    source: one of these.

    - an experiment's name, such as tiny_absorb: the newest checkpoint of its run, or the pretrained
      model that it measures
    - a run's folder, such as results/runs/x, or one of its checkpoints, such as step_400.pt
    - the hub id of a published SEDD, RADD or MDLM model, or of a causal model, such as
      louaaron/sedd-small, JingyangOu/radd-t-dce, kuleshov-group/mdlm-owt or gpt2
    - a folder in the hub's form, such as one that `sedd export` wrote
    - an experiment folder of the official training code of SEDD or RADD, or a Lightning checkpoint
      of MDLM's, such as last.ckpt
    - an experiment, as `sedd.config.load_subject` returns it

    device: None: the GPU if there is one.
    step: which checkpoint of a run; None: the newest.
    tokenizer, length: in place of those that the source records; the tokenizer must have the same
        vocabulary. The published diffusion models read with gpt2.
    Raises CheckpointError that lists what was tried, or says what does not fit. Only tensors and
    plain values are unpickled.
    """
    opened = open_language_model(source, step, device, tokenizer=tokenizer, length=length)
    return Model(opened)
