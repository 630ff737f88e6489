"""What the terms of base and teacher ask of a student."""

import pytest

from tools.publish.terms import LAPTOP, LLAMA_3_1, check_name, of_base, of_model


def test_the_models_of_both_profiles_have_terms() -> None:
    assert of_model("data/laptop/models/teacher") == LAPTOP
    assert of_model("meta-llama/Llama-3.1-405B-Instruct") == LLAMA_3_1


def test_a_model_without_terms_is_one_clear_error() -> None:
    with pytest.raises(
        SystemExit, match=r"got the model org/unknown, .* add a line to TERMS in tools/publish/terms.py"
    ):
        of_model("org/unknown")


def test_a_merged_base_has_the_terms_of_what_it_was_merged_from() -> None:
    merge = {"base": "meta-llama/Llama-3.1-8B@1", "models": "meta-llama/Llama-3.1-8B-Instruct@2", "onto": ""}
    assert of_base("models/merged", merge) == LLAMA_3_1
    with pytest.raises(SystemExit, match="merged from models under several licences"):
        of_base("models/merged", merge | {"onto": "data/laptop/models/base-8b@3"})


@pytest.mark.parametrize("name", ["math-8b", "llama-math-8b", "my-Llama-8b"])
def test_what_learnt_from_llama_is_named_so(name: str) -> None:
    """Its replies suffice: section 1.b.i asks it of a model that its outputs improve."""
    with pytest.raises(SystemExit, match=f"--to: got the name {name}, wanted one that begins with Llama"):
        check_name(f"org/{name}", [LAPTOP, LLAMA_3_1])
    check_name("org/Llama-math-8b", [LAPTOP, LLAMA_3_1])
    check_name(f"org/{name}", [LAPTOP])


@pytest.mark.parametrize("repo", ["math", "org/../math", "org/a/b"])
def test_what_is_no_repository_of_the_hub_is_refused(repo: str) -> None:
    with pytest.raises(SystemExit, match="publish: --to: "):
        check_name(repo, [])
