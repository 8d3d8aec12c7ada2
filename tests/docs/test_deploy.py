"""The deployment pages: their commands can be read by a shell, and what they name is there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.uplink.batch import make_message

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("deploy*.md"))
EVENTS = [
    {"id": f"j/{number}", "sequence": f"{number:020}", "subject": "slot-1001", "type": "t", "data": {}}
    for number in range(1, 40)
]


# Stands in for the AWS CLI: keeps what it was asked, and answers a word where one is captured.
AWS = f"""#!{sys.executable} -IS
import json, os, sys
with open(os.environ["ASKED"], "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
answers = {{"get-caller-identity": "123456789012", "describe-endpoint": "p-ats.iot.eu-west-1.amazonaws.com"}}
print(answers.get(sys.argv[2], "arn:x"))
"""


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_shell_can_read_every_command(page: Path) -> None:
    for block in blocks(page, "bash"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_every_file_of_the_account_is_there() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    roles, templates = (
        re.findall(r"^role (\S+) (\S+)$", page, re.MULTILINE),
        re.findall(r"^template (\S+) (\S+)$", page, re.MULTILINE),
    )
    policies = re.findall(r"for name in (.+); do\n    aws iot create-policy", page)[0].split()

    needed = [f"iam/{name}-{kind}.json" for _, name in roles for kind in ("role", "trust")]
    needed += [f"{name}.json" for _, name in templates] + [f"{name}.json" for name in policies]
    assert len(needed) == 12
    assert [name for name in needed if not (ROOT / "certs" / "policies" / name).exists()] == []


@pytest.mark.integration
def test_every_document_that_is_given_to_aws_is_one(tmp_path: Path) -> None:
    """The commands run as they are, but for the AWS CLI, which stands for an account we have not."""
    for name in ("certs", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name, program in (("aws", AWS), ("zip", "#!/bin/sh\n: >hook.zip\n")):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    on_the_gateway = ("sudo ", "make ")
    script = [
        text
        for text in blocks(ROOT / "docs" / "deploy.md", "bash")
        if not any(w in text for w in on_the_gateway)
    ]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked")}

    subprocess.run(
        ["bash", "-eu"], input="\n".join(script), text=True, check=True, cwd=tmp_path, env=environment
    )

    asked = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    documents = [json.loads(word) for words in asked for word in words if word.lstrip().startswith("{")]
    assert len(documents) == 10
    (rule,) = [document for document in documents if "sql" in document]
    assert rule["sql"].count("'") == 6
    assert rule["errorAction"]["sqs"]["queueUrl"].endswith("/123456789012/floor-events-failed")
    for file in ("trial.json", "floor.json"):
        deployment = json.loads((tmp_path / file).read_text())
        merges = [one["configurationUpdate"]["merge"] for one in deployment["components"].values()]
        assert all(json.loads(merge) for merge in merges)
        assert "floor-harbour" in deployment["targetArn"]
        assert "PREFIX" not in (tmp_path / file).read_text()


def test_the_deployments_need_nothing_that_the_page_does_not_fill_in() -> None:
    for file in (ROOT / "recipes" / "deployments").glob("*.json"):
        capitals = set(re.findall(r"\b[A-Z]{4,}\b", file.read_text(encoding="utf-8")))

        words = {"REGION", "ACCOUNT", "GROUP", "SITE", "PREFIX", "ROOT"}
        assert capitals - words <= {"ROLLBACK", "NOTIFY_COMPONENTS", "NOTIFY", "COMPONENTS"}, file.name


@pytest.mark.parametrize("compress", [True, False])
def test_the_consumer_reads_what_the_rule_passes_on(
    compress: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
) -> None:
    (source,) = blocks(ROOT / "docs" / "deploy.md", "python")
    names: dict[str, Any] = {}
    exec(compile(source, "deploy.md", "exec"), names)  # noqa: S102  it is our own page
    batch = [json.dumps(event).encode() for event in EVENTS]
    message = make_message("floor/s/g/ev/batch", batch, compress=compress)
    passed_on = {
        "batch": base64.b64encode(message.payload).decode(),
        "encoding": [value for name, value in message.user_properties if name == "content-encoding"] or None,
    }
    record = {"kinesis": {"data": base64.b64encode(json.dumps(passed_on).encode()).decode()}}

    names["handler"]({"Records": [record, record]}, None)

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        e["sequence"] for e in EVENTS
    ]
