"""The mark that replies seem to put before their answer, where the one that params name is in none of them."""

import re
from collections import Counter
from collections.abc import Iterable

# what a last line begins with up to its first sign that is no comma or full stop: "A:", "####", "Final result ="
MARK = re.compile(r"(?:[^\W\d_]+\s+){0,2}[^\W\d_]*[^\w\s,.]+")


def likely_mark(replies: Iterable[str]) -> str | None:
    """How at least half of the replies begin their last line; None where they have no such beginning in common."""
    last_lines = [reply.strip().rpartition("\n")[2].strip() for reply in replies]
    counts = Counter(match[0] for line in last_lines if (match := MARK.match(line)))
    mark, count = counts.most_common(1)[0] if counts else ("", 0)
    return mark if 2 * count >= len(last_lines) > 0 else None
