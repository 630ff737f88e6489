"""What the student itself expected of each learnt token when it last saw it: its K most probable tokens."""

from typing import Any

FAR = -50.0  # a log-probability that is as good as none


class Memory:
    def __init__(self, labels_S: Any, k: int) -> None:  # labels as a numpy array
        """At first the target's token alone. Held in memory: 12 bytes a token and a remembered one."""
        import torch

        self.ids_SK = torch.tensor(labels_S, dtype=torch.int64)[:, None].repeat(1, k)
        self.logprobs_SK = torch.full((len(labels_S), k), FAR)
        self.logprobs_SK[:, 0] = 0.0

    def recall(self, slots_N: Any) -> tuple[Any, Any]:
        """(ids_NK, logprobs_NK)"""
        where = slots_N.cpu()
        return self.ids_SK[where].to(slots_N.device), self.logprobs_SK[where].to(slots_N.device)

    def keep(self, slots_N: Any, logits_NV: Any) -> None:
        import torch

        top = torch.log_softmax(logits_NV.detach().float(), -1).topk(self.ids_SK.shape[1], -1)
        where = slots_N.cpu()
        self.ids_SK[where], self.logprobs_SK[where] = top.indices.cpu(), top.values.cpu()
