"""Asking a model on this machine's GPUs with vLLM, offline: no server, replies as each is finished."""

# vllm: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# vllm is not installed where the checks run
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from stages.sampling import dated, merging
from stages.sampling.request import Model, Reply, Request, row_seed, unanswered

# Requests that vLLM holds at a time: enough that its scheduler never runs dry (it computes 256 to 1,024 at once).
ROWS_UNDER_WAY = 4_096


class Weights(NamedTuple):
    """What is loaded: a base, and a LoRA adapter over it or none."""

    base: str
    revision: str | None
    adapter: str | None
    rank: int


def version(model: Model) -> str:
    """The package goes by other names for other hardware."""
    packages = metadata.packages_distributions().get("vllm")
    if not packages:
        raise SystemExit(
            f"engine {model.engine}: got no package vllm, wanted it installed: pip install -e '.[vllm]' -c "
            f"constraints.txt"
        )
    return f"vllm {metadata.version(packages[0])} {model.precision}"


def parallel_sizes(num_gpus: int, num_heads: int) -> tuple[int, int]:
    """Tensor and pipeline parallel sizes that use every GPU: tensors are split over as many as divide the heads
    evenly."""
    tensor = max(size for size in range(1, num_gpus + 1) if num_gpus % size == 0 and num_heads % size == 0)
    return tensor, num_gpus // tensor


def find_weights(model: Model) -> Weights:
    """A folder with adapter_config.json is a student tuned with LoRA: its base is loaded, and it as an adapter, or the
    two merged where vLLM cannot."""
    name = merging.to_load(model)
    config = Path(name) / "adapter_config.json"
    if config.exists():
        adapter = json.loads(config.read_text())
        return Weights(adapter["base_model_name_or_path"], adapter.get("revision"), name, adapter["r"])
    return Weights(name, None if Path(name).exists() else model.revision, None, 0)


def start(model: Model, **options: Any) -> Any:
    """vLLM over all GPUs of this machine, with these options of its LLM."""
    import torch
    from transformers import AutoConfig
    from vllm import LLM

    weights = find_weights(model)
    num_gpus = torch.cuda.device_count()
    heads = AutoConfig.from_pretrained(weights.base, revision=weights.revision).get_text_config().num_attention_heads
    tensor, pipeline = parallel_sizes(max(1, num_gpus), heads)
    return LLM(
        model=weights.base,
        revision=weights.revision,
        tokenizer=model.name if weights.adapter else None,
        dtype=model.precision,
        tensor_parallel_size=tensor,
        pipeline_parallel_size=pipeline,
        enable_prefix_caching=True,
        # a seeded draw fails on a CPU otherwise
        enable_chunked_prefill=num_gpus > 0,
        enable_lora=weights.adapter is not None,
        max_lora_rank=merging.served_rank(max(8, weights.rank)),
        # the longest whose keys and values fit the memory, at most the model's own
        max_model_len=-1,
        trust_remote_code=False,
        **options,
    )


class VllmEngine:
    def __init__(self, model: Model, llm: Any = None) -> None:
        self.retries: Counter[str] = Counter()
        try:
            self._llm = llm or start(model)
        except (
            OSError,
            ValueError,
        ) as error:  # no such model, no access; a model or machine that vLLM does not support
            raise SystemExit(f"engine {model.engine}, model {model.name} at {model.revision}: {error}") from None
        self._tokenizer, self._engine = self._llm.get_tokenizer(), self._llm.llm_engine
        dated.pin(self._tokenizer, model.date)
        self._context = self._llm.model_config.max_model_len
        self._adapter = find_weights(model).adapter

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """A prompt that leaves no room in the model's context gets no reply."""
        stream, under_way, number = iter(requests), {}, 0
        while True:
            finished: list[tuple[Request, Reply]] = []
            while len(under_way) < ROWS_UNDER_WAY and (request := next(stream, None)) is not None:
                prompt = self._tokenizer.apply_chat_template(
                    [{"role": role, "content": content} for role, content in request.messages],
                    add_generation_prompt=True,
                    return_dict=False,
                )
                if len(prompt) >= self._context:
                    finished.append(
                        (request, unanswered(f"prompt too long: {len(prompt)} tokens, the context is {self._context}"))
                    )
                    continue
                number += 1
                under_way[str(number)] = request
                self._engine.add_request(
                    str(number), {"prompt_token_ids": prompt}, self._to_params(request), lora_request=self._to_lora()
                )
            if under_way:
                finished += [(under_way.pop(o.request_id), to_reply(o)) for o in self._engine.step() if o.finished]
            if finished:
                yield finished
            if not under_way:
                return

    def _to_params(self, request: Request) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        seed = None if request.temperature == 0 else row_seed(request) & 0x7FFF_FFFF
        return SamplingParams(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k or -1,
            seed=seed,
            structured_outputs=StructuredOutputsParams(json=request.schema) if request.schema else None,
        )

    def _to_lora(self) -> Any:
        if self._adapter is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest("student", 1, self._adapter)


def to_reply(output: Any) -> Reply:
    """A finished request of vLLM's; a reply that was aborted is none."""
    (completion,) = output.outputs
    if completion.finish_reason not in ("stop", "length"):
        return unanswered(f"vllm ended it: {completion.finish_reason}")
    return Reply(
        completion.text, completion.finish_reason, len(output.prompt_token_ids), len(completion.token_ids), "", ""
    )
