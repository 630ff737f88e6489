"""Plain supervised fine-tuning: a student learns the tokens of the targets."""

from stages.train.objective import Constants, Objective

OBJECTIVE = Objective(Constants)
