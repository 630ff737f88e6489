"""How probable the replies of pairs are under the reference model: computed once, so that training holds one model."""

from array import array
from functools import partial
from pathlib import Path
from typing import Any

from stages.models.passes import in_batches, load
from stages.train import arrow, pairing
from stages.train.arrow import CHOSEN, REJECTED
from stages.train.params import Params

BATCH = 8  # rows of a pass


def write(folder: Path, params: Params, student: str) -> None:
    """Write reference.arrow: of each pair the log-probabilities of both replies, in nats, float32.

    The reference is the teacher where params say so, else what training starts from, in the precision of the training.
    """
    import pyarrow as pa
    from tqdm import tqdm
    from transformers import AutoModelForCausalLM
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
    from trl.trainer.utils import add_fused_lm_head

    source = params.teacher or params.base
    tokenizer, model = load(AutoModelForCausalLM, source.model, source.revision, params.profile.precision)
    add_fused_lm_head(model)  # log-probabilities of the labels, and never all logits
    compute = partial(sums, model, DataCollatorForLanguageModeling(tokenizer.pad_token_id))
    found = []
    for name in pairing.FILES[:2]:
        rows = arrow.load(folder / name).select_columns(["input_ids", "labels"])
        with tqdm(total=len(rows), unit="row", desc=f"train-{student}: reference {source.model}", mininterval=1) as bar:
            found.append(array("d", in_batches(rows, lambda row: len(row["input_ids"]), compute, BATCH, bar)))
    table = pa.table([pa.array(values, pa.float32()) for values in found], [CHOSEN, REJECTED])
    with pa.OSFile(str(folder / pairing.FILES[2]), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def sums(model: Any, collate: Any, rows: list[dict[str, Any]]) -> list[float]:
    """Of each row, over its learnt tokens."""
    import torch

    batch = {name: tensor.to(model.device) for name, tensor in collate(rows).items()}
    with torch.inference_mode():
        return model(**batch, fused_lm_head=True).log_probs.double().sum(1).tolist()
