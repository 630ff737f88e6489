"""How an arm looks in every plot and in the page's text: a colour and a shape."""

from typing import Any, NamedTuple

INK = "currentColor"  # of the page, light or dark
# Okabe & Ito (2008): apart for the colour-blind too; yellow last, which is faint on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", INK, "#F0E442")
SYMBOLS = {  # Vega's names of shapes, as paths in a square of 12 pixels
    "circle": "M6 1.5a4.5 4.5 0 1 0 .01 0z",
    "square": "M2 2h8v8h-8z",
    "triangle-up": "M6 1.5l5 9h-10z",
    "diamond": "M6 .5l4 5.5l-4 5.5l-4-5.5z",
    "cross": "M4.3 1h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
    "triangle-down": "M6 10.5l5-9h-10z",
}
SHAPES = tuple(SYMBOLS)


class Look(NamedTuple):
    """Of every arm, in the order of the study's file."""

    arms: list[str]

    def colour(self, arm: str) -> str:
        return COLOURS[self.arms.index(arm) % len(COLOURS)]

    def shape(self, arm: str) -> str:
        return SHAPES[self.arms.index(arm) // len(COLOURS) % len(SHAPES)]

    def scales(self) -> dict[str, Any]:
        """Of the channels colour and shape."""
        return {
            channel: {
                "field": "arm",
                "scale": {"domain": self.arms, "range": [of(arm) for arm in self.arms]},
                "legend": None,
            }
            for channel, of in (("color", self.colour), ("shape", self.shape))
        }


def symbol(look: Look, arm: str) -> str:
    """The mark of an arm, for the page's text."""
    path = f'<path d="{SYMBOLS[look.shape(arm)]}" fill="{look.colour(arm)}" stroke="{INK}" stroke-width=".5"/>'
    return f'<svg class="symbol" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">{path}</svg>'
