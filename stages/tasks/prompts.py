"""task -> how its questions are put. Used by `prompts` alone."""

from stages.tasks.math import prompt as math

INSTRUCTIONS = {"math": math.instruction}
REFERENCE_PROBLEMS = {"math": math.reference_problem}
