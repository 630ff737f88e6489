"""name -> objective."""

from stages.train.objective import Objective
from stages.train.objectives import (
    clipped_kl,
    dpo,
    first,
    forward_kl,
    gold_where_unsure,
    jensen_shannon,
    on_policy,
    own_earlier,
    plain,
    redi,
    reverse_kl,
    taid,
    total_variation,
)

OBJECTIVES: dict[str, Objective] = {
    "plain": plain.OBJECTIVE,
    "redi": redi.OBJECTIVE,
    "forward_kl": forward_kl.OBJECTIVE,
    "reverse_kl": reverse_kl.OBJECTIVE,
    "jensen_shannon": jensen_shannon.OBJECTIVE,
    "total_variation": total_variation.OBJECTIVE,
    "first": first.OBJECTIVE,
    "taid": taid.OBJECTIVE,
    "gold_where_unsure": gold_where_unsure.OBJECTIVE,
    "own_earlier": own_earlier.OBJECTIVE,
    "clipped_kl": clipped_kl.OBJECTIVE,
    "dpo": dpo.OBJECTIVE,
    "on_policy": on_policy.OBJECTIVE,
}
