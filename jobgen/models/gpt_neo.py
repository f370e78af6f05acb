"""GPT-Neo's attention by PyTorch's scaled dot product, which stores no (T, T) attention weights.

transformers 5 implements it only eagerly, in float32 and with the weights of all heads in memory,
and with FlashAttention, whose local layers attend beyond the window of this architecture.
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention


class _Attention(GPTNeoSelfAttention):
    """GPT-Neo's attention with the same weights and another implementation.

    In local layers a token attends to the last `window_size` tokens, itself included.
    """

    def forward(  # type: ignore[override]
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        layer_past: Any = None,
        **others: Any,
    ) -> tuple[torch.Tensor, None]:
        """Compute the attention of one layer.

        Args:
            hidden_states: (B, T, hidden_size).
            attention_mask: (B, 1, T, S), true where one of the T new tokens may attend to one of
                the S tokens so far; None for plain causal attention.
            layer_past: the cache of keys and values of earlier tokens.
            others: options of other implementations, which are ignored.

        Returns:
            (B, T, hidden_size), and None in place of attention weights.
        """
        heads = self.num_heads, self.head_dim
        query, key, value = (
            self._split_heads(project(hidden_states), *heads)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        if layer_past is not None:
            key, value = layer_past.update(key, value, self.layer_id)
        n_new, n_keys = query.shape[2], key.shape[2]
        if self.attention_type == "local" and n_keys > self.config.window_size:
            positions = torch.arange(n_keys, device=key.device)
            distances = positions[n_keys - n_new :, None] - positions  # (T, S)
            in_window = (distances >= 0) & (distances < self.config.window_size)
            attention_mask = in_window if attention_mask is None else attention_mask & in_window
        attended = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            dropout_p=self.attn_dropout.p if self.training else 0.0,
            is_causal=attention_mask is None and n_new > 1,
            scale=1.0,  # GPT-Neo was trained without the usual scaling
        )
        attended = self._merge_heads(attended, *heads)
        return self.resid_dropout(self.out_proj(attended)), None


def use_fast_attention(model: Any) -> None:
    """Replace the attention of a GPT-Neo model; other models are not changed."""
    if model.config.model_type != "gpt_neo":
        return
    for block in model.transformer.h:
        block.attn.attention.__class__ = _Attention
    model.config._attn_implementation = "sdpa"  # so that transformers passes a mask of booleans
