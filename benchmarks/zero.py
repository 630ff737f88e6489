"""The same training under every ZeRO stage, in full and with LoRA, against one process: `python -m benchmarks.zero`.

Prints the largest difference of the saved weights, as a share of the largest weight, and of the loss curves in nats.
Needs DeepSpeed and g++; 16 trainings of half a minute each on two cores.
"""

import argparse
import tempfile
from pathlib import Path

from safetensors.torch import load_file

from tests.train.place import examples, execute, make, run

WEIGHTS = {"full": "model.safetensors", "lora": "adapter_model.safetensors"}
ROWS = examples(116)


def train(method: str, **parallelism: int | bool) -> tuple[dict, list[float]]:
    """Saved weights and the loss of every step."""
    with tempfile.TemporaryDirectory() as name:
        overrides = (
            f"profiles.laptop.student-8b.train.method={method}",
            "profiles.laptop.student-8b.train.num_epochs=2",
            "train.log_every_steps=1",
        )
        folder = make(Path(name), ROWS[:100], ROWS[100:], *overrides)
        execute(folder, **parallelism)
        code, printed = run(folder)
        if code:
            raise SystemExit(printed)
        curve = [float(line.split(",")[1]) for line in (folder / "metrics/train-8b.csv").read_text().splitlines()[1:]]
        return load_file(folder / "models/8b" / WEIGHTS[method]), curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--offload",
        action="store_true",
        help="of the optimizer, and under ZeRO-3 of the weights; compiles cpu_adam for minutes",
    )
    asked = parser.parse_args()
    print("| method | parallelism | processes | weights | loss |\n|---|---|---|---|---|")
    for method in WEIGHTS:
        weights, curve = train(method)
        for processes in asked.processes:
            for zero in (0, 1, 2, 3):
                for checkpointing in (False, True) if zero in (0, 3) else (False,):
                    if (zero or processes > 1) and not (asked.offload and zero < 2):
                        offload = {
                            "offload_optimizer": asked.offload,
                            "offload_parameters": asked.offload and zero == 3,
                        }
                        found, losses = train(
                            method,
                            num_processes=processes,
                            zero=zero,
                            rows_per_device=4,
                            checkpointing=checkpointing,
                            **offload,
                        )
                        apart = max(
                            float((found[name] - weights[name]).abs().max() / weights[name].abs().max())
                            for name in weights
                        )
                        name = (
                            f"ZeRO-{zero}"
                            + (" + checkpointing" if checkpointing else "")
                            + (" + offload" if asked.offload else "")
                        )
                        print(
                            f"| {method} | {name} | {processes} | {apart:.1e} | {max(abs(a - b) for a, b in zip(curve, losses, strict=True)):.4f} |",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
