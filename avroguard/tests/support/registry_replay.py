"""A registry that answers as Confluent's and Apicurio's did: 238 requests to fresh ones, recorded with both answers."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from avroguard.registry.client import Registry
from avroguard.registry.settings import RegistrySettings

CONFLUENT = "confluent_8_1_5"
APICURIO = "apicurio_3_3_3"
PRODUCTS = (CONFLUENT, APICURIO)
SETTINGS = RegistrySettings.load(url="http://schemas.test", retries=0)


@cache
def recordings() -> dict[str, Any]:
    lines = (Path(__file__).parents[1] / "data" / "registry-recordings.jsonl").read_text(encoding="utf-8").splitlines()
    return {recording["case"]: recording for recording in map(json.loads, lines)}


def schema_of(case: str) -> bytes:
    """The schema that a recorded request sent."""
    schema: str = recordings()[case]["request"]["schema"]
    return schema.encode()


class Replay(httpx2.BaseTransport):
    """Answers one request for each case, in order, and insists that it is the recorded one, at least its address."""

    def __init__(self, product: str, *cases: str, any_body: bool = False) -> None:
        self.product = product
        self.any_body = any_body
        self.open = list(cases)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self.open, f"one request more than recorded: {request.method} {request.url}"
        recording = recordings()[self.open.pop(0)]
        assert f"{request.method} {request.url.raw_path.decode()}" == f"{recording['method']} {recording['path']}"
        if not self.any_body:
            assert _meaning(json.loads(request.content or b"null")) == _meaning(recording.get("request"))
        answer = recording[self.product]
        body = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"])
        headers = {"Content-Type": answer["content_type"]} if answer["content_type"] else {}
        return httpx2.Response(answer["status"], content=body.encode(), headers=headers)


def _meaning(body: Any) -> Any:
    """A request's body with the schema's text as what it says."""
    return body | {"schema": json.loads(body["schema"])} if body and "schema" in body else body


def replaying(product: str, *cases: str) -> Registry:
    return Registry(SETTINGS, transport=Replay(product, *cases))
