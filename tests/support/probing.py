"""Answers of a service at its endpoints."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

from tests.support.ports import free_port
from tools.local_cluster.ports import HOST


class Endpoints:
    """The endpoints of a service that is started with these `variables`.

    Attributes:
        port: Their port.
    """

    def __init__(self) -> None:
        self.port = free_port()

    @property
    def variables(self) -> dict[str, str]:
        """Settings of the service."""
        return {"METRICS_PORT": str(self.port), "METRICS_HOST": HOST}

    def probe(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body of `/livez` or `/readyz`; 0 where no process listens yet."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=10) as reply:
                return int(reply.status), json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def series(self, name: str) -> dict[str, float]:
        """Values of a metric by its labels, as Prometheus writes them; by "" where it has none."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        return {
            labels.strip("{}"): float(value)
            for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        }
