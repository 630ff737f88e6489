"""A real local Ray with two actors and the laptop teacher; and what a bad row costs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow
import pytest
import torch

from stages.sampling import transformers
from stages.sampling.engine import settled
from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.ray import ROWS_PER_BLOCK, AskingActor, RayEngine, gpus_needed, read_weight_bytes
from stages.sampling.request import Reply, Request, unanswered
from stages.sampling.runner import ask, replies
from stages.sampling.transformers import TransformersEngine, resolve_precision
from tests.architecture.closure import ROOT
from tests.sampling.conftest import limits, request
from tests.sampling.test_transformers import TEACHER, requests

BASE = ROOT / "data/laptop/models/base-8b"
ROWS = 5 * ROWS_PER_BLOCK


@pytest.fixture
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def actors() -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if process.name().startswith("ray::Map")]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_actor_that_is_killed_costs_no_row_and_changes_no_reply(tmp_path: Path) -> None:
    asked, ledger, kept = requests(ROWS, 0.8), Ledger(tmp_path / "ledger.sqlite"), []

    class Watched(RayEngine):
        """Kills an actor after the first block, and notes how many replies the ledger held before the last."""

        def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
            for number, batch in enumerate(super().ask(requests)):
                if number == 1:
                    assert len(actors()) == 2
                    actors()[0].kill()
                kept.append(ledger.connection.execute("SELECT count(*) FROM replies").fetchone()[0])
                yield batch

    model = replace(TEACHER, engine="ray-transformers")
    batch = estimate(model, lambda: iter(asked), ledger)
    ask(batch, limits(min_success_ratio=1.0), ledger, load=lambda model, *_: Watched(model))
    here = dict(pair for batch in TransformersEngine(TEACHER).ask(asked) for pair in batch)
    assert list(replies(batch, ledger)) == [here[request] for request in asked]
    assert kept[1:] == sorted(kept[1:])
    assert 0 < kept[1] < ROWS, "finished blocks reached the ledger while others ran"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A LoRA student of the laptop's small base, whose adapter changes replies."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(BASE)
    base.name_or_path = str(BASE)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(base, config).save_pretrained(str(tmp_path / "student"))
    AutoTokenizer.from_pretrained(BASE).save_pretrained(str(tmp_path / "student"))
    return tmp_path / "student"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_pool_of_two_asks_a_student_with_an_adapter(adapter: Path, tmp_path: Path) -> None:
    asked, ledger = requests(2 * ROWS_PER_BLOCK, 0.0), Ledger(tmp_path / "ledger.sqlite")
    student = replace(TEACHER, name=str(adapter), engine="ray-transformers", precision="float32")
    batch = estimate(student, lambda: iter(asked), ledger)
    ask(batch, limits(min_success_ratio=1.0), ledger)
    found = [reply.text for reply in replies(batch, ledger)]
    texts = {}
    for name in (adapter, BASE):
        engine = TransformersEngine(replace(TEACHER, name=str(name), precision="float32"))
        here = dict(pair for batch in engine.ask(asked) for pair in batch)
        texts[name] = [here[request].text for request in asked]
    assert found == texts[adapter]
    assert found != texts[BASE], "the adapter plays its part"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_auto_is_what_it_means_where_the_actors_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_the_driver(precision: str) -> str:
        raise AssertionError(f"{precision} was resolved here")

    here = resolve_precision("auto")
    monkeypatch.setattr(transformers, "resolve_precision", on_the_driver)
    assert settled(replace(TEACHER, engine="ray-transformers", precision="auto")).precision == here, (
        "the actors are on this machine too"
    )


class Failing:
    """A local engine that raises at one row."""

    def __init__(self) -> None:
        self.retries: Counter[str] = Counter()

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        for asked in requests:
            if asked.prompt_id == "bad":
                raise ValueError("cannot be asked")
            yield [(asked, Reply(asked.prompt_id, "stop", 1, 1, "", ""))]


def test_a_bad_row_costs_that_row() -> None:
    actor = AskingActor.__new__(AskingActor)
    actor._engine = Failing()
    asked = [request("one"), request("bad"), request("two")]
    block = pyarrow.Table.from_pylist([{"row": row, "request": one._asdict()} for row, one in enumerate(asked)])
    found = [Reply(**row["reply"]) for row in actor(block).to_pylist()]
    assert found == [
        Reply("one", "stop", 1, 1, "", ""),
        unanswered("ValueError: cannot be asked"),
        Reply("two", "stop", 1, 1, "", ""),
    ]


GB = 10**9


@pytest.mark.parametrize(
    ("weights", "gpu", "node", "needed"),
    [
        (16 * GB, 80 * GB, 8, 1),
        (16 * GB, 22 * GB, 4, 2),
        (141 * GB, 80 * GB, 8, 4),
        (405 * GB, 80 * GB, 8, 8),
        (16 * GB, 80 * GB, 1, 1),
    ],
)
def test_an_actor_holds_the_fewest_gpus_that_hold_its_weights(weights: int, gpu: int, node: int, needed: int) -> None:
    assert gpus_needed(weights, gpu, node) == needed


def test_a_model_that_no_node_holds_is_to_be_served() -> None:
    with pytest.raises(
        SystemExit, match="got weights of 810 GB, wanted at most 70% of a node's 8 GPUs of 80 GB; serve the model"
    ):
        gpus_needed(810 * GB, 80 * GB, 8)


def test_an_adapter_weighs_what_its_base_does_and_more(adapter: Path) -> None:
    own, base = (
        folder.stat().st_size for folder in (adapter / "adapter_model.safetensors", BASE / "model.safetensors")
    )
    assert read_weight_bytes(replace(TEACHER, name=str(adapter))) == base + own
    assert own < base / 10


def test_weights_are_counted_in_a_folder() -> None:
    assert read_weight_bytes(TEACHER) == (Path(TEACHER.name) / "model.safetensors").stat().st_size
