"""task -> how a reply is read and graded. Used by `filter` and `evaluate`."""

from stages.tasks.math import answer as math

READ = {"math": math.read}
WRITE = {"math": math.write}
IS_RIGHT = {"math": math.is_right}
NORMALISE = {"math": math.parse_number}
