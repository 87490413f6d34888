"""`rnninspect shapes`: what goes into every layer and what comes out."""

from __future__ import annotations

from rnninspect.commands.shared.options import LookOptions

EXAMPLES = (
    "rnninspect shapes model.yaml",
    "rnninspect shapes 'LSTM(300, 50, num_layers=2)'",
    "rnninspect shapes model.yaml --plan --format markdown",
)


def run(options: LookOptions) -> int:
    """Print a table of tensors for each model; returns the exit code."""
    from rnninspect.commands.shared.look_page import LookPage
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.shapes import shapes_table

    return print_models(options, LookPage(lambda models: [shapes_table(model) for model in models]))
