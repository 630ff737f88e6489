"""The section `select` of params.yaml, some of it changed."""

from typing import Any

from ruamel.yaml import YAML

from stages.select.params import Select
from tests.architecture.closure import ROOT


def select(**changed: Any) -> Select:
    section = YAML(typ="safe").load(ROOT / "params.yaml")["select"]
    for name, value in changed.items():
        section[name] = section[name] | value if isinstance(value, dict) else value
    return Select.model_validate(section)
