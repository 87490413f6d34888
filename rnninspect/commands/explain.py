"""`rnninspect explain`: a document as Python, its layers in words, equations and a picture, with their sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say_notes, say_wrote
from rnninspect.commands.shared.options import (
    HOW_TO_PRINT,
    OUTPUT,
    FilesOrCheckpoints,
    LayerName,
    Output,
    Settings,
    flag,
    option,
)
from rnninspect.errors import OptionError, did_you_mean, printable
from rnninspect.formats import Detail, ExplainFormat

if TYPE_CHECKING:
    from rnninspect.commands.shared.file_models import Checkpoints
    from rnninspect.document.chain import Spec
    from rnninspect.results.explain import Flows
    from rnninspect.results.table import Block

EXAMPLES = (
    "rnninspect explain model.yaml",
    "rnninspect explain model.yaml --layer encoder --picture cell.svg",
    "rnninspect explain model.yaml --code --output model.py",
)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """What `explain` takes."""

    files: FilesOrCheckpoints
    layer: LayerName = None
    code: Annotated[bool, flag("--code", "Print only a Python script: the document as a torch.nn.Module.")] = False
    picture: Annotated[
        Path | None,
        option(
            "FILE", "Draw the cell of the only recurrent layer too, or of --layer's, or the model, as .svg.", OUTPUT
        ),
    ] = None
    detail: Annotated[
        Detail | None, option("DETAIL", "What a box of --picture is, which with layers is of the whole model.", OUTPUT)
    ] = None
    settings: Settings = field(default_factory=list)
    format: Annotated[ExplainFormat, HOW_TO_PRINT] = ExplainFormat.TABLE
    output: Output = None


def run(options: ExplainOptions) -> int:
    """Explain the layers of every document; returns the exit code, 2 where a document is not sound."""
    from rnninspect.commands.shared.file_models import (
        agreeing,
        held_against_files,
        provenance,
        say_remarks,
        with_checkpoints,
    )
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.document.load import load_models
    from rnninspect.results.caption import caption, each_once

    if options.code:
        return _print_script(options)
    _check_picture(options)
    checkpoints: Checkpoints = {}
    load = with_checkpoints(partial(load_models, settings=options.settings), options.settings, checkpoints)
    specs, code = load_all(options.files, load, output=options.output)
    if code:
        return code
    say_remarks(checkpoints)
    proofs = held_against_files(specs, checkpoints)
    sound, code = agreeing(specs, proofs, checkpoints)
    chosen = list(_chosen(sound, options.layer))
    for spec in chosen:
        say_notes(spec.notes)
    if options.picture is not None and chosen:
        from rnninspect.commands.shared.picture import save_picture

        save_picture(chosen, options.layer, options.picture, options.detail or Detail.GATES)
    if blocks := [
        block for number, spec in enumerate(chosen) for block in _blocks(spec, options.layer, options.format, number)
    ]:
        page_caption = caption(provenance(specs, proofs), each_once(spec.dtype for spec in chosen))
        print_page(options.format, blocks, dict, page_caption, options.output)
    if options.picture is not None and chosen:
        say_wrote(options.picture)  # why here: above a long page nobody sees it
    return code


def _print_script(options: ExplainOptions) -> int:
    from rnninspect.commands.shared.file_models import documents_alone
    from rnninspect.commands.shared.files import load_all
    from rnninspect.document.chain import need_batch
    from rnninspect.document.load import load_models
    from rnninspect.output import write_text
    from rnninspect.study.code import code as script

    _check_alone(options)
    load = documents_alone(partial(load_models, settings=options.settings), "explain --code")
    specs, code = load_all(options.files, load, output=options.output)
    if code:
        return code
    if len(specs) > 1:
        raise OptionError(f"--code: {printable(options.files[0])} is {len(specs)} models, and a script is one")
    need_batch(specs[0])
    say_notes(specs[0].notes)
    write_text(script(specs[0]), options.output)
    return 0


def _blocks(spec: Spec, layer: str | None, format: ExplainFormat, number: int) -> Iterator[Block]:
    """All there is to say of a document, or of a layer of a file."""
    from rnninspect.results.explain import explain_blocks, file_blocks, sketch_blocks
    from rnninspect.study.code import sketch
    from rnninspect.study.explain import explain_layers

    if layer is None:
        yield from _model(spec, format, number)
    if spec.from_file is None:
        yield from sketch_blocks(sketch(spec, layer))
    else:
        yield from file_blocks(sketch(spec), spec.from_file)
    pictures, flows = _pictures(spec, layer, format, number), _flows(format, number)
    yield from explain_blocks(explain_layers(spec, layer), pictures, _wiring(spec), flows=flows)


def _model(spec: Spec, format: ExplainFormat, number: int) -> Iterator[Block]:
    """The whole model drawn, where there is anything to draw: layers that read one another.

    In letters only one with wires, for a chain is a line; see `code.chain`. number: of the model on its page.
    """
    drawn: list[Block] = []
    if len(spec.links) > 1 and format in (ExplainFormat.MARKDOWN, ExplainFormat.HTML):
        from rnninspect.results.cell_pictures import model_drawing, model_flowchart

        html = format is ExplainFormat.HTML
        drawn = list(model_drawing(spec, f"cell-{number}") if html else model_flowchart(spec))
    if spec.wired and not drawn:
        from rnninspect.results.graph import graph_block  # why here: few documents have wires

        drawn = [graph_block(spec)]
    yield from drawn


def _wiring(spec: Spec) -> Mapping[str, str]:
    """By layer how it is connected, where a document says any wires."""
    if not spec.wired:
        return {}
    from rnninspect.results.wiring import wiring  # why here, as above: few documents have wires

    return wiring(spec)


def _pictures(spec: Spec, layer: str | None, format: ExplainFormat, number: int) -> Mapping[str, Block]:
    """The cells by layer, as a format shows them; nothing for one that cannot. number: of the model on its page."""
    if format not in (ExplainFormat.MARKDOWN, ExplainFormat.HTML):
        return {}
    from rnninspect.results.cell_pictures import drawings, flowcharts

    return flowcharts(spec, layer) if format is ExplainFormat.MARKDOWN else drawings(spec, layer, f"cell-{number}")


def _flows(format: ExplainFormat, number: int) -> Flows | None:
    """What draws a data flow for a page, which is drawn with characters elsewhere. number: of the model on its page."""
    if format is not ExplainFormat.HTML:
        return None
    from rnninspect.results.cell_pictures import flows

    return flows(f"cell-{number}")


def _chosen(specs: Sequence[Spec], layer: str | None) -> Iterator[Spec]:
    """The models, of a checkpoint's only the one with the layer of that name, where it is given.

    Raises OptionError for a document, or a checkpoint, that has no such layer.
    """
    for source, of_file in groupby(specs, key=lambda spec: spec.source):
        models = list(of_file)
        names = [link.layer.name for spec in models for link in spec.links]
        if layer is not None and layer not in names:
            raise OptionError(
                f"--layer {printable(layer)}: {printable(source)} has no such layer ({did_you_mean(layer, names)})"
            )
        yield from (spec for spec in models if layer is None or layer in [link.layer.name for link in spec.links])


def _check_picture(options: ExplainOptions) -> None:
    """Raise for a picture that could not be drawn, before a page is worked out."""
    if options.picture is None:
        if options.detail is not None:
            raise OptionError(f"--detail {options.detail.value}: it is of a picture (add --picture FILE.svg)")
        return
    from rnninspect.commands.shared.files import need_place
    from rnninspect.commands.shared.picture import check_picture

    check_picture(options.picture, options.layer, options.detail)
    need_place("--picture", options.picture, options.files, options.output)


def _check_alone(options: ExplainOptions) -> None:
    """Raise OptionError for what does not go with --code: it is one model, whole, in Python."""
    if len(options.files) > 1:
        raise OptionError(f"--code: expected one document, got {len(options.files)} (a script is one model)")
    if options.layer is not None:
        raise OptionError("--code: the script is the whole model (leave --layer out)")
    if options.picture is not None or options.detail is not None:
        raise OptionError("--code: it prints the script alone (leave --picture and --detail out)")
    if options.format is not ExplainFormat.TABLE:
        raise OptionError(
            f"--code: the script is Python, not {options.format.value} (leave --format out, and name a .py)"
        )
