"""Any model of this project in the Language Model Evaluation Harness (`lm_eval`, extra `lm-eval`).

    python -m sedd.evaluate.lm_eval run --model sedd --model_args name=tiny_absorb --tasks arc_easy

registers the model `sedd` and runs the harness's own command. In Python, give a `SeddModel` to
`lm_eval.simple_evaluate`. Multiple-choice tasks run, and so do tasks of a rolling likelihood. The log
likelihoods of diffusion models are lower bounds, each from `num_draws` random times; a uniform
diffusion has no bound for a continuation of a context.

The harness also asks whether a continuation is the one that greedy decoding would give. This is not
measured. Tasks with a single continuation need it and raise NotImplementedError. In multiple-choice
tasks, ignore the metric `exact_match`, which needs it too.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from lm_eval.api.model import LM  # pyright: ignore[reportMissingImports]
from lm_eval.api.registry import register_model  # pyright: ignore[reportMissingImports]

from sedd.checkpoints.open import open_language_model
from sedd.config import measuring_seed, with_changes
from sedd.evaluate.conditional import encode_pair
from sedd.evaluate.own_text import blocks
from sedd.evaluate.passages import Nats, Passage, passage_nats

log = logging.getLogger(__name__)


@register_model("sedd")
class SeddModel(LM):
    """The arguments of `--model_args`.

    name: anything that `sedd.open_model` takes. step: checkpoint of a run; None: the newest.
    tokenizer, length: in place of those that the source records.
    num_draws: random times of each bound. seed: of the draws; None: the experiment's.
    device: None: the GPU if there is one. batch_size, max_batch_size: given by the harness; unused,
        as evaluation.batch_size of the experiment applies.
    Raises CheckpointError if the model cannot be opened.
    """

    def __init__(
        self,
        name: str,
        step: int | None = None,
        device: str | None = None,
        *,
        tokenizer: str | None = None,
        length: int | None = None,
        num_draws: int | None = None,
        seed: int | None = None,
        batch_size: Any = None,
        max_batch_size: Any = None,
    ):
        super().__init__()
        model = open_language_model(name, step, device, tokenizer=tokenizer, length=length)
        if num_draws is not None and not model.is_exact:
            changed = with_changes(model.experiment, {"evaluation.num_draws": num_draws})
            model = replace(model, experiment=changed)
        self.model = model
        self.seed = measuring_seed(model.experiment) if seed is None else seed

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """(log p(continuation | context), False) of each request.

        A context that does not fit loses its first tokens, as the harness does with its own models.
        Raises NotImplementedError for a task without choices.
        """
        refuse_greedy(requests)
        length, passages, num_cut = self.model.experiment.data.length, [], 0
        for index, request in enumerate(requests):
            given, tokens = encode_pair(self.model.tokenizer, *request.args)
            kept = given[max(0, len(given) + len(tokens) - length) :]
            num_cut += len(kept) < len(given)
            passages.append(Passage([*kept, *tokens[-length:]], len(kept), index))
        if num_cut:
            log.warning(
                "%d of %d contexts are cut on the left to the model's %d tokens",
                *(num_cut, len(requests), length),
            )
        scores = [(-one.nats, False) for one in self._nats(passages)]
        for request, score in zip(requests, scores, strict=True):
            self.cache_hook.add_partial("loglikelihood", request.args, score)
        return scores

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """log p of each text, as the sum over windows of the model's length.

        The last window is as long as the others: it begins with tokens of the window before, which
        are given.
        """
        length, passages, counts = self.model.experiment.data.length, list[Passage](), list[int]()
        for index, request in enumerate(requests):
            (tokens,) = self.model.tokenizer.encode_batch([request.args[0]])
            windows = blocks(tokens, length)
            parts = [Passage(window, draws=index) for window in windows]
            if len(windows) > 1:
                num_given = length - len(windows[-1])
                parts[-1] = Passage(tokens[-length:], num_given, index)
            passages += parts
            counts.append(len(parts))
        nats = iter(self._nats(passages))
        totals = [-sum(next(nats).nats for _ in range(count)) for count in counts]
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: Sequence[Any]) -> NoReturn:
        """Not available: a diffusion draws all tokens of a text of fixed length together."""
        raise NotImplementedError(
            "tasks that generate text until a stop sequence are not supported: a diffusion draws "
            "texts of a fixed length. Choose multiple-choice tasks, or draw texts with sedd sample"
        )

    def _nats(self, passages: Sequence[Passage]) -> list[Nats]:
        title = f"lm_eval {self.model.name}"
        return passage_nats(self.model, passages, seed=self.seed, title=title, unit="request")[0]


def refuse_greedy(requests: Sequence[Any]) -> None:
    """Raise NotImplementedError for tasks with a single request per document.

    Their accuracy is the share of continuations that greedy decoding gives.
    """
    counts = Counter((request.task_name, request.doc_id) for request in requests)
    if tasks := sorted({f"{task}" for (task, _), count in counts.items() if count == 1}):
        raise NotImplementedError(
            f"{', '.join(tasks)}: asks whether a continuation is what greedy decoding gives, which "
            "is not measured: a diffusion has no greedy order. Choose multiple-choice tasks"
        )


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate  # pyright: ignore[reportMissingImports]

    cli_evaluate()
