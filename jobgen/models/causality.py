"""Whether a model writes from left to right, each token from those before it alone."""

from collections.abc import Callable
from typing import Any

from jobgen.common.errors import InputError
from jobgen.models.weights import explain_failure

_PROBE_TOKENS = 8
# Share of the change of the later logits that earlier ones may show: rounding. Both sequences are
# computed by the same kernels in the same order, so that mostly they show none.
_ROUNDING = 1e-5


def check_causal(model: Any, name: str, forward: Callable[..., Any] | None = None) -> None:
    """Refuse a model that cannot learn to write postings.

    A model that sees the tokens it is to predict, such as BERT, reaches a loss that no text
    deserves; and one without a key-value cache would compute the whole text anew for each token.

    Args:
        model: a `PreTrainedModel`.
        name: its name, for the message.
        forward: what is called in its place, such as an engine that holds its weights.

    Raises:
        InputError: a later token changes earlier logits, logits are NaN, or there is no key-value
            cache.
    """
    import torch

    was_training = model.training
    model.eval()
    kind, half = model.config.model_type, _PROBE_TOKENS // 2
    ids = torch.arange(1, _PROBE_TOKENS + 1, device=model.device)[None]
    others = torch.cat([ids[:, :half], ids[:, half:] + 1], dim=1)
    with explain_failure(name, f'"{kind}"'), torch.no_grad():
        output, other = ((forward or model)(input_ids=x, use_cache=True) for x in (ids, others))
        # The vocabulary's padding has the logit -inf.
        change = (output.logits - other.logits).float().nan_to_num(0).abs()
    model.train(was_training)
    if bool(output.logits.isnan().any()):
        raise InputError(name, "computes what is not a number: its weights are damaged")
    if change[:, :half].max() > _ROUNDING * change[:, half:].max():
        raise InputError(
            name,
            f'"{kind}" reads the tokens that it is to predict; expected a model that writes from'
            " left to right, such as gpt2",
        )
    if getattr(output, "past_key_values", None) is None:
        raise InputError(
            name, f'"{kind}" has no key-value cache, without which no posting can be generated'
        )
