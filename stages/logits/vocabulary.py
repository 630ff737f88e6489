"""Probabilities are learnt by token id, so the teacher's ids must mean to the student what they mean to the teacher."""

from typing import Any


def check_same(teacher: str, of_teacher: Any, student: str, of_student: Any) -> None:
    """Raises SystemExit unless both tokenizers have the same tokens under the same ids."""
    ours, theirs = of_teacher.get_vocab(), of_student.get_vocab()
    if ours == theirs:
        return
    different = sorted(ours.items() ^ theirs.items(), key=lambda pair: (pair[1], pair[0]))
    tokens = {token for token, _ in different}
    first = different[0][0]
    raise SystemExit(
        f"logits: got a tokenizer of {teacher} ({len(ours)} tokens) that is not that of {student} ({len(theirs)}): "
        f"{len(tokens)} tokens differ, the first {first!r} ({id_of(first, ours)} to {teacher}, "
        f"{id_of(first, theirs)} to {student}), wanted the same ids, by which probabilities are learnt; name another "
        f"in logits.teachers or as the student's base in params.yaml, or set logits.top_k to 0"
    )


def id_of(token: str, vocabulary: dict[str, int]) -> str:
    return str(vocabulary.get(token, "none"))


def size(tokenizer: Any) -> int:
    """Ids below it have a token."""
    return max(tokenizer.get_vocab().values()) + 1
