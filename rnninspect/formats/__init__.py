"""Tables and documents as text, one module per format. This package file imports none of them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What `--format` accepts."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"


class WeightsFormat(StrEnum):
    """What `weights --format` accepts: tables, and the lines that make the same weights for another framework."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    PYTHON = "python"


class ExplainFormat(StrEnum):
    """What `explain --format` accepts: its page is for people."""

    TABLE = "table"
    MARKDOWN = "markdown"
    HTML = "html"
    LATEX = "latex"


class Detail(StrEnum):
    """What `explain --detail` accepts: what a box of its picture is.

    Of a cell a gate or an operation; of a recurrent layer a step, unrolled; of the whole model a layer.
    """

    GATES = "gates"
    OPERATIONS = "operations"
    STEPS = "steps"
    LAYERS = "layers"


class CompareFormat(StrEnum):
    """What `compare --format` accepts: results, and a CI's annotations."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    GITHUB = "github"


class CheckFormat(StrEnum):
    """What `check --format` accepts: the same, and what CI servers read."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"
    GITHUB = "github"
    JUNIT = "junit"
    SARIF = "sarif"
    GITLAB = "gitlab"
