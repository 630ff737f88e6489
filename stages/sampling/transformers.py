"""Asking a model on this machine with the transformers library: batches of like length, seeds per row."""

# transformers: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.sampling import dated, merging
from stages.sampling.request import Model, Reply, Request, row_seed, unanswered

if TYPE_CHECKING:
    import torch

# Rows of one batch. Replies are kept a batch at a time, so this is also what a kill can cost.
ROWS_PER_BATCH = 128
# Requests that are drawn and sorted by length together: what a budget can be overdrawn by.
ROWS_PER_WINDOW = 4_096


def resolve_precision(precision: str) -> str:
    """What "auto" means here: bfloat16 on a GPU or a processor that multiplies it natively, else float32."""
    if precision != "auto":
        return precision
    cpuinfo = Path("/proc/cpuinfo")
    native = Path("/dev/nvidiactl").exists() or (cpuinfo.exists() and "avx512_bf16" in cpuinfo.read_text())
    return "bfloat16" if native else "float32"


def version(model: Model) -> str:
    return f"transformers {metadata.version('transformers')} {model.precision}"


def batches(requests: list[Request], num_tokens: list[int]) -> list[list[int]]:
    """Indices of the requests in batches that share `max_tokens`, long prompts first.

    The order depends on the requests alone, so that after a kill the unanswered rest falls into the
    same batches as before: with low precision a reply can depend on its neighbours' padding.
    """
    order = sorted(range(len(requests)), key=lambda i: (requests[i].max_tokens, -num_tokens[i]))
    found: list[list[int]] = []
    for i in order:
        if found and len(found[-1]) < ROWS_PER_BATCH and requests[found[-1][0]].max_tokens == requests[i].max_tokens:
            found[-1].append(i)
        else:
            found.append([i])
    return found


class TransformersEngine:
    def __init__(self, model: Model) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        source: dict[str, Any] = {} if Path(model.name).exists() else {"revision": model.revision}
        device_map = "auto" if torch.cuda.is_available() else None
        dtype = getattr(torch, resolve_precision(model.precision))
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model.name, **source)
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                merging.to_load(model), dtype=dtype, device_map=device_map, use_safetensors=True, **source
            )
        except OSError as error:  # not found, no access, no network, no safetensors
            raise SystemExit(
                f"model {model.name} at {model.revision}: {error}\nCheck `model` and `revision` in params.yaml, the "
                f"network and HF_TOKEN."
            ) from None
        if self._tokenizer.chat_template is None:
            raise SystemExit(
                f"model {model.name}: its tokenizer has no chat template, wanted one that words messages; use an "
                f"instruct model"
            )
        dated.pin(self._tokenizer, model.date)
        if self._tokenizer.pad_token is None:  # its place in a batch is masked, so any token will do
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._model.eval()
        self.retries: Counter[str] = Counter()
        stop = self._model.generation_config.eos_token_id or self._tokenizer.eos_token_id
        self._stop = set(stop if isinstance(stop, list) else [stop])

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """A prompt that leaves no room in the model's context gets no reply."""
        stream = iter(requests)
        while window := list(islice(stream, ROWS_PER_WINDOW)):
            yield from self._ask_window(window)

    def _ask_window(self, requests: list[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        texts = [
            self._tokenizer.apply_chat_template(
                [{"role": r, "content": c} for r, c in request.messages], tokenize=False, add_generation_prompt=True
            )
            for request in requests
        ]
        prompts = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        context = self._model.config.max_position_embeddings
        too_long = [
            (r, unanswered(f"prompt too long: {len(ids)} tokens, the context is {context}"))
            for r, ids in zip(requests, prompts, strict=True)
            if len(ids) >= context
        ]
        if too_long:
            yield too_long
        fits = [i for i, ids in enumerate(prompts) if len(ids) < context]
        requests, prompts = [requests[i] for i in fits], [prompts[i] for i in fits]
        for batch in batches(requests, [len(ids) for ids in prompts]):
            yield self._ask_batch([requests[i] for i in batch], [prompts[i] for i in batch])

    def _ask_batch(self, requests: list[Request], prompts: list[list[int]]) -> list[tuple[Request, Reply]]:
        import torch

        inputs = self._tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt").to(
            self._model.device
        )
        width = inputs["input_ids"].shape[1]
        # each row has the room that its own prompt leaves in the context, whatever its neighbours' length
        room = [
            min(requests[0].max_tokens, self._model.config.max_position_embeddings - len(prompt)) for prompt in prompts
        ]
        with torch.inference_mode():
            out = self._model.generate(
                **inputs,
                max_new_tokens=max(room),
                do_sample=False,
                logits_processor=logits_processors(requests),
                pad_token_id=self._tokenizer.pad_token_id,
                # the model's own sampling defaults must not play a part
                temperature=None, top_p=None, top_k=None,
            )  # fmt: skip
        return [
            (request, self._reply(ids[width : width + most].tolist(), len(prompt)))
            for request, prompt, most, ids in zip(requests, prompts, room, out, strict=True)
        ]

    def _reply(self, ids: list[int], prompt_tokens: int) -> Reply:
        end = next((i for i, token in enumerate(ids) if token in self._stop), None)
        text = self._tokenizer.decode(ids[:end], skip_special_tokens=True)
        if end is None:
            return Reply(text, "length", prompt_tokens, len(ids), "", "")
        return Reply(text, "stop", prompt_tokens, end + 1, "", "")


class GumbelNoise:
    """A logits processor under which the argmax is a draw, each row with a seed of its own.

    argmax(logits + Gumbel noise) is distributed as softmax(logits) (arXiv 1411.0030, section 2).
    """

    def __init__(self, seeds: list[int]) -> None:
        import torch

        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        import torch

        noise = [-torch.empty(scores.shape[1]).exponential_(generator=g).log() for g in self._generators]
        return scores + torch.stack(noise).to(scores.device)


def logits_processors(requests: list[Request]) -> Any:
    """What a batch's sampling settings ask for; empty, so the argmax, at temperature 0."""
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    first = requests[0]
    if first.temperature == 0:
        return LogitsProcessorList()
    limits = [TopKLogitsWarper(first.top_k)] if first.top_k else []
    limits += [TopPLogitsWarper(first.top_p)] if first.top_p < 1 else []
    return LogitsProcessorList(
        [TemperatureLogitsWarper(float(first.temperature)), *limits, GumbelNoise([row_seed(r) for r in requests])]
    )
