"""`scripts/redrive` as a process of its own, on the topics of a pipeline."""

import os
import subprocess
import sys

from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE


def redriving(pipeline: Pipeline, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "services.commands.redrive", *arguments]
    environment = os.environ | pipeline.environment | settings
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def redrive(pipeline: Pipeline, *arguments: str, code: int = 0) -> str:
    process = redriving(pipeline, *arguments)
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    return errors if code else output
