"""Print the bytes that DeepSpeed holds for a small Llama after one step, for each ZeRO stage; started under torchrun by
test_memory."""

import gc
import json
from typing import Any

import deepspeed
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG = LlamaConfig(
    vocab_size=1024,
    hidden_size=256,
    intermediate_size=896,
    num_hidden_layers=4,
    num_attention_heads=8,
    num_key_value_heads=2,
    tie_word_embeddings=False,
)


def weights(model: torch.nn.Module) -> int:
    """Of this process: under ZeRO-3 its share of each parameter, and those too small to part."""
    return sum(getattr(p, "ds_tensor", p).nbytes for p in model.parameters())


def measure(method: str, zero: int) -> dict[str, Any]:
    torch.manual_seed(0)
    model: torch.nn.Module = LlamaForCausalLM(CONFIG).to(torch.bfloat16)  # type: ignore[arg-type]
    if method == "lora":
        adapter = LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        model = get_peft_model(model, adapter, autocast_adapter_dtype=False)  # type: ignore[arg-type]
    trained = [p for p in model.parameters() if p.requires_grad]
    num_trained = sum(p.numel() for p in trained)
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 2,  # between the two, ZeRO-1 holds whole gradients
        "bf16": {"enabled": True},
        "zero_optimization": {"stage": zero, "stage3_param_persistence_threshold": 0, "contiguous_gradients": True},
        "zero_force_ds_cpu_optimizer": False,
    }
    started: Any = deepspeed.initialize(
        model=model,
        model_parameters=trained,  # type: ignore[arg-type]
        optimizer=torch.optim.AdamW(trained),
        config=config,
    )
    engine, optimizer = started[:2]
    ids = torch.zeros((1, 8), dtype=torch.long)
    engine.backward(engine(input_ids=ids, labels=ids).loss)
    gradients = gradient_bytes(optimizer, zero, model)
    engine.step()
    engine.backward(engine(input_ids=ids, labels=ids).loss)
    engine.step()
    masters = optimizer.fp32_partitioned_groups_flat if zero == 3 else optimizer.single_partition_of_fp32_groups
    adam = [
        value
        for state in optimizer.optimizer.state.values()
        for value in state.values()
        if torch.is_tensor(value) and value.numel() > 1
    ]
    return {
        "method": method,
        "zero": zero,
        "trained": num_trained,
        "weights": weights(model),
        "gradients": gradients,
        "optimizer": sum(tensor.nbytes for tensor in [*masters, *adam]),
    }


def gradient_bytes(optimizer: Any, zero: int, model: torch.nn.Module) -> int:
    """Held between two passes of a step: whole ones with ZeRO-1, this process's share with ZeRO-2 and 3."""
    if zero == 1:
        return sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    if zero == 2:
        return sum(gradient.nbytes for group in optimizer.all_grad_tensors.values() for gradient in group or [])
    return optimizer.grad_partitions_flat_buffer.nbytes


def main() -> None:
    deepspeed.init_distributed("gloo", auto_mpi_discovery=False)
    for method in ("full", "lora"):
        for zero in (1, 2, 3):
            found = measure(method, zero)
            if torch.distributed.get_rank() == 0:
                print(json.dumps(found), flush=True)
            gc.collect()


main()
