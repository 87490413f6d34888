"""What the manual says of CI works as it stands: a server takes the files, and their commands run."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ended import Run

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "tests" / "example"
MANUAL = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
(CI,) = re.findall(r"^### In CI\n(.*?)^## ", MANUAL, re.DOTALL | re.MULTILINE)
WORKFLOW, SARIF, COMMENT, GITLAB, _ = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", CI, re.DOTALL))
RIGHTS = {"security-events": SARIF, "pull-requests": COMMENT}


def validate(document: Any, schema: str) -> None:
    """Raises ValidationError where a file of a CI is not as its published schema says."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    jsonschema.Draft7Validator(json.loads((folder / f"{schema}.json").read_text())).validate(document)


def as_github_reads(workflow: dict[Any, Any]) -> dict[Any, Any]:
    """A workflow whose `on` is a word, which YAML 1.1 takes for true."""
    return {"on" if key is True else key: value for key, value in workflow.items()}


def with_steps(steps: list[dict[str, Any]], right: str) -> dict[str, Any]:
    """The workflow with more steps, and with the right that they need."""
    workflow = as_github_reads(WORKFLOW)
    (job,) = workflow["jobs"].values()
    longer = {"check": {**job, "steps": [*job["steps"], *steps]}}
    return {**workflow, "permissions": {**workflow["permissions"], right: "write"}, "jobs": longer}


@pytest.mark.parametrize("path", [*ROOT.glob(".github/workflows/*.yml"), *EXAMPLE.glob(".github/workflows/*.yml")])
def test_a_workflow_that_is_a_file_is_one(path: Path) -> None:
    validate(as_github_reads(yaml.safe_load(path.read_text())), "github-workflows")


def test_the_workflow_of_the_manual_is_one_with_and_without_its_further_steps() -> None:
    validate(as_github_reads(WORKFLOW), "github-workflows")
    for right, steps in RIGHTS.items():
        assert f"`{right}: write`" in CI
        validate(with_steps(steps, right), "github-workflows")


def test_the_job_for_gitlab_is_one() -> None:
    validate(GITLAB, "gitlab-ci")
    with pytest.raises(jsonschema.ValidationError):
        validate({"models": {**GITLAB["models"], "artifacts": {"when": "allways"}}}, "gitlab-ci")


def test_a_workflow_that_is_none_would_be_seen() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(with_steps([{"runs": "rnninspect"}], "security-events"), "github-workflows")
    with pytest.raises(jsonschema.ValidationError):
        validate(with_steps(SARIF, "security-event"), "github-workflows")


def test_the_manual_s_workflow_is_the_one_of_the_example() -> None:
    example = yaml.safe_load((EXAMPLE / ".github" / "workflows" / "rnninspect.yml").read_text())
    commands = [[step.get("run") for step in workflow["jobs"]["check"]["steps"]] for workflow in (WORKFLOW, example)]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("fails", [False, True])
def test_the_steps_run_and_write_what_is_uploaded(shell: Run, tmp_path: Path, fails: bool) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder)
    (folder / ".git").mkdir()
    if fails:
        model = folder / "models" / "tagger.yaml"
        model.write_text(model.read_text().replace("hidden_size: ", "hidden_size: 1"))
    steps = [*WORKFLOW["jobs"]["check"]["steps"], *SARIF, *COMMENT]
    script = [step["run"] for step in steps if step.get("run", "").startswith("rnninspect ")]
    script += [line for line in GITLAB["models"]["script"] if line.startswith("rnninspect ")]
    codes = [shell(line, cwd=folder).returncode for line in script]
    # Of GitLab's two, the second says how the job ends.
    assert codes == ([1, 1, 1, 0, 1] if fails else [0] * 5)
    written = [SARIF[1]["with"]["sarif_file"], *GITLAB["models"]["artifacts"]["reports"].values()]
    written += re.findall(r"--body-file (\S+)", COMMENT[1]["run"])
    assert {path.name for path in folder.glob("models.*")} == set(written)
    assert (folder / "models.md").read_text().startswith("## 1 model failed\n" if fails else "## 1 model ok\n")
    report = json.loads((folder / "models.json").read_text())
    assert {entry["location"]["path"] for entry in report} == ({"models/tagger.yaml"} if fails else set())
