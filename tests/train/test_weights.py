"""A student's weights as they are written."""

import json
from pathlib import Path

from peft import LoraConfig

from stages.train import weights


def test_an_adapter_has_the_same_bytes_in_every_run(tmp_path: Path) -> None:
    settings = tmp_path / "adapter_config.json"
    written = []
    for names in (["v_proj", "q_proj"], ["q_proj", "v_proj"]):
        LoraConfig(target_modules=names).save_pretrained(str(tmp_path))
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"target_modules": names}))
        weights.sort_targets(settings)
        written.append(settings.read_text())
    assert written[0] == written[1]
    assert json.loads(written[0])["target_modules"] == ["q_proj", "v_proj"]
