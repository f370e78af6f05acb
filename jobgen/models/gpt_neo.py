"""GPT-Neo's attention by PyTorch's scaled dot product, which keeps no (T, T) weights.

transformers 5 has it only eagerly, in float32, with all weights of all heads in memory, and with
FlashAttention, where the local layers of this architecture see beyond their window.
"""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoSelfAttention


class _Attention(GPTNeoSelfAttention):
    """The same weights; in local layers a token sees the last `window_size`, itself among them."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        layer_past: Any = None,
        **others: Any,
    ) -> tuple[torch.Tensor, None]:
        """Attend.

        Args:
            hidden_states: (B, T, hidden_size).
            attention_mask: (B, 1, T, S), true where a token may see another of the S there are;
                None: all before it.
            layer_past: the cache of what came before.
            others: not used.

        Returns:
            (B, T, hidden_size), and no attention weights.
        """
        heads = self.num_heads, self.head_dim
        query, key, value = (
            self._split_heads(project(hidden_states), *heads)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        if layer_past is not None:
            key, value = layer_past.update(key, value, self.layer_id)
        new, known = query.shape[2], key.shape[2]
        if self.attention_type == "local" and known > self.config.window_size:
            place = torch.arange(known, device=key.device)
            apart = place[known - new :, None] - place
            seen = (apart >= 0) & (apart < self.config.window_size)
            attention_mask = seen if attention_mask is None else attention_mask & seen
        attended = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            dropout_p=self.attn_dropout.p if self.training else 0.0,
            is_causal=attention_mask is None and new > 1,
            scale=1.0,  # its weights are trained for that
        )
        attended = self._merge_heads(attended, *heads)
        return self.resid_dropout(self.out_proj(attended)), None


def use_fast_attention(model: Any) -> None:
    """Let a GPT-Neo model attend this way; other models stay as they are."""
    if model.config.model_type != "gpt_neo":
        return
    for block in model.transformer.h:
        block.attn.attention.__class__ = _Attention
    model.config._attn_implementation = "sdpa"  # the kind of mask that it is given
