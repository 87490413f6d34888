"""The JSON Schema of a document, for editors: taken from the models that the reader validates with.

It accepts whatever the reader accepts. The reader is stricter where JSON Schema has no words: 50.0 is an integer to
it, names of layers need not differ, and sizes are not held against each other; equations are a text, and a layer of a
cell may have any number, as the cell's constants and sizes are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rnninspect.document import quantity
from rnninspect.document.beginning import CALL
from rnninspect.document.blocks import Document
from rnninspect.document.defined import OWN
from rnninspect.document.library import library_names
from rnninspect.document.repeats import Repeat
from rnninspect.document.wires import LayerWires, NamedInput, StateFrom
from rnninspect.layers.defined import DefinedLayer
from rnninspect.layers.definition import Definition
from rnninspect.layers.fields import Name, expectations
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.registry import TYPES, kind_of


def document_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a document."""
    fields = Document.model_fields
    kinds: Any = reduce(or_, (_with_blocks(kind_of(name)) for name in TYPES))
    layer: Any = Annotated[kinds, Field(discriminator="type")]
    cells: Any = Annotated[dict[str, Definition] | None, *fields["cells"].metadata]
    layers: Any = Annotated[list[layer], *fields["layers"].metadata]
    inputs: Any = Annotated[Annotated[dict[str, NamedInput], Field(min_length=1)] | None, *fields["inputs"].metadata]
    model = create_model(
        "rnninspect document",
        __base__=Document,
        __doc__="One model: its layers run in order, each fed with what the one before puts out, or what it names.",
        cells=(cells, None),
        inputs=(inputs, None),
        layers=(layers, ...),
    )
    written = model.model_json_schema(schema_generator=_Schema)
    definitions = written.pop("$defs")
    definitions |= {"Cell": _layer_of(OWN, definitions["Definition"]), "NamedCell": _layer_of("", {})}
    definitions |= {"SharedLayer": _shared_layer(), "Repeat": Repeat.model_json_schema(schema_generator=_Schema)}
    items = written["properties"]["layers"]["items"]["oneOf"]
    items += [{"$ref": f"#/$defs/{name}"} for name in ("Cell", "NamedCell", "SharedLayer")]
    call = {"type": "string", "pattern": CALL, "description": "a constructor call such as LSTM(300, 50)"}
    definitions["Repeat"]["properties"]["layers"]["items"] = {"oneOf": [*items, call]}
    items += [{"$ref": "#/$defs/Repeat"}, call]
    # why: without cells of its own a document has these types and no others.
    known = {"properties": {"type": {"enum": [*TYPES, OWN, *library_names()]}}}
    written["anyOf"] = [{"required": ["cells"]}, {"properties": {"layers": {"items": known}}}]
    _require_sizes(written, definitions)
    return {"$schema": _Schema.schema_dialect, **written, "$defs": definitions}


def _require_sizes(written: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What says how large a batch is, which is required: the sizes or the lengths of one input, or those of several."""
    lengths = {"required": ["lengths"], "properties": {"lengths": {"type": "array", "minItems": 1}}}
    of_one = {"anyOf": [{"required": definitions["Input"].pop("required")}, lengths]}
    named = definitions["NamedInput"]
    named["anyOf"] = [{"required": named.pop("required")}, lengths]
    written["required"].remove("input")
    written["if"] = {"required": ["inputs"], "properties": {"inputs": {"type": "object"}}}
    written["else"] = {"required": ["input"], "properties": {"input": of_one}}


def _layer_of(type_name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the layers of a cell: with the keys of the cell in it, or of one that is named, ""."""
    layer = _with_wires(DefinedLayer).model_json_schema(schema_generator=_Schema)
    cell = {key: value for key, value in definition.get("properties", {}).items() if key != "init"}
    own = {"const": type_name, "type": "string"} if type_name else {"type": "string", "not": {"enum": [*TYPES, OWN]}}
    return {
        **layer,
        "title": type_name or "NamedCell",
        "properties": {**layer["properties"], "type": own, **cell},
        "required": [*layer["required"], *definition.get("required", [])],
        "additionalProperties": {"type": "number"},
    }


def _shared_layer() -> dict[str, Any]:
    """The schema of a layer with `same_as`, which may have the keys of the layer that it names."""
    wires = LayerWires.model_json_schema(schema_generator=_Schema, by_alias=True)
    properties = {key: value for key, value in wires["properties"].items() if key != "same_as"}
    return {
        "title": "SharedLayer",
        "description": "A layer with the weights of an earlier one.",
        "type": "object",
        "properties": {**properties, "same_as": {"type": "string"}, "name": {"type": "string"}},
        "required": ["same_as"],
    }


def _with_blocks(kind: type[Layer]) -> type[Layer]:
    """The kind with its wires and what its `init` block may hold; the reader looks at both only where there are any."""
    kind = _with_wires(kind)
    if not issubclass(kind, InitLayer):
        return kind
    words = kind.model_fields["init"].metadata
    fields: dict[str, Any] = {"init": (Annotated[kind.init_block() | None, *words], None)}
    return create_model(kind.__name__, __base__=kind, __doc__=kind.__doc__, **fields)


def _with_wires(kind: type[Layer]) -> type[Layer]:
    fields = LayerWires.model_fields
    states: Any = Annotated[Name | StateFrom | None, *fields["state_from"].metadata]
    wires: dict[str, Any] = {name: (fields[name].annotation, fields[name]) for name in ("reads", "add")}
    wires["state_from"] = (states, None)
    return create_model(kind.__name__, __base__=kind, __doc__=kind.__doc__, **wires)


# What the validators of amounts know, and pydantic cannot see.
_UNITS: dict[object, tuple[str, ...]] = {
    quantity.parse_count: tuple(quantity.COUNT_UNITS),
    quantity.parse_bytes: tuple(quantity.BYTE_UNITS),
}

# why: \w is ASCII in an editor's regular expressions, and a name may have any letter. This is what is no letter in
# ASCII, all but the hyphen.
_NAME_CHARACTER = r"[\w-]", r"[^\x00-,./:-@\[-^`{-\x7f]"


class _Schema(GenerateJsonSchema):
    """pydantic's generator, with our words in it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title is the key over again, in other words than torch's."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A model described by the first paragraph of its docstring, its fields by what they expect."""
        model: type[BaseModel] = schema["cls"]
        written = super().model_schema(schema)
        written["description"] = " ".join(inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0].split())
        for name, field in model.model_fields.items():
            expected = (words for part in (*field.metadata, field.annotation) for words in expectations(part))
            words = next(expected, None)
            if words is not None:
                written["properties"][field.alias or name]["description"] = words
        return written

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A value with its default, unless that only says that nothing was given."""
        written = super().default_schema(schema)
        if written.get("default") in (None, "", [], {}):
            written.pop("default", None)
        return written

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """A text, its pattern as every dialect of regular expressions reads it."""
        written = super().str_schema(schema)
        if "pattern" in written:
            written["pattern"] = written["pattern"].replace(*_NAME_CHARACTER)
        return written

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """A union told apart by the const of each member.

        why without pydantic's `discriminator`: it is OpenAPI's word, and strict validators refuse a word they do not
        know.
        """
        written = super().tagged_union_schema(schema)
        written.pop("discriminator", None)
        return written

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """An amount: a whole number, however it is written (1e6), or a text with a unit."""
        units = _UNITS.get(schema["function"]["function"])
        if units is None:
            return super().function_after_schema(schema)
        known = "|".join(re.escape(unit) for unit in units if unit)
        digits = "[0-9]{1,30}"
        pattern = rf"^\s*{digits}(\.{digits})? ?({known})?\s*$"
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": pattern}]}
