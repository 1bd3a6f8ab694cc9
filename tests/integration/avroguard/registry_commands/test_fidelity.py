"""The recorded registry answers over HTTP what the real ones answered to the requests that commands can send."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from avroguard.avro.canonical_form import same_content
from support.registry_replay import CONFLUENT, PRODUCTS
from support.registry_server import CONFLUENT_TYPE, serving
from support.registry_variants import RegistryOfContexts

# Why a recorded request is not one that a command sends, by the beginning of its name or by its method and path.
LEFT_OUT = {
    "the commands send valid Avro alone, and say so before they send anything": r"invalid: |json schema|protobuf",
    "the client sends no such keys, content types or spellings": r"req: (?!metadata|same schema)|put config "
    r"(compatibilityLevel|empty|no body|extended)|get config extended|del config s2|ref: version -1|ref: custl",
    "the client sends no such query": r"GET (?!/mode).*\?(?!format=resolved)|POST .*\?(?!verbose=true)|PUT .*\?",
    "the commands delete no schema": r"del: (?!schema id)|ref: (delete|referencedby)|mode delete in|DELETE /subjects",
    "the commands set no level for all subjects": r"put global|get global|del global",
    "the commands do not import": r"mode put IMPORT|mode del( imp)?$|import |next id after",
    "the client asks for nothing of the kind": r"root|contexts|ctx |schemas/ids/(schema|subjects)|ids/subjects|"
    r"ids not number|version schema only|no such path|meta id|health|exporters|dek|catalog",
    "Confluent's own reserved subject": r"subject __GLOBAL",
}
FEW_KEYS = {"guid", "ts", "deleted", "message", "commitId"}  # differ from one registry to the next


def sent(product: str) -> Iterator[dict[str, Any]]:
    lines = (
        (Path(__file__).parents[4] / "avroguard" / "tests" / "data" / "registry-recordings.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    left_out = re.compile("|".join(LEFT_OUT.values()))
    for recording in map(json.loads, lines):
        request = f"{recording['method']} {recording['path']}"
        if product in recording and not left_out.match(recording["case"]) and not left_out.match(request):
            yield recording


def plain(value: Any) -> Any:
    """A body without what differs between any two registries, lists of subjects in order."""
    if isinstance(value, dict):
        return {key: inner for key, inner in value.items() if key not in FEW_KEYS | {"id", "schema", "messages"}}
    if isinstance(value, list):
        return sorted(map(json.dumps, value))
    return value


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_request_of_the_commands_is_answered_as_recorded(product: str) -> None:
    same_ids: dict[int, int] = {}
    with serving(product, RegistryOfContexts) as served, httpx2.Client(base_url=served.url) as client:
        for recording in sent(product):
            expected, case = recording[product], recording["case"]
            path = recording["path"]
            if match := re.fullmatch(r"(/schemas/ids/)(\d+)(.*)", path):
                path = f"{match[1]}{same_ids.get(int(match[2]), 99999)}{match[3]}"
            answer = client.request(recording["method"], path, json=recording.get("request"))
            assert answer.status_code == expected["status"], (case, answer.text)
            if expected["body"] == "":
                assert answer.content == b"", case
                continue
            body = answer.json()
            assert plain(body) == plain(expected["body"]), case
            if not isinstance(body, dict):
                continue
            assert body.keys() - FEW_KEYS == expected["body"].keys() - FEW_KEYS, case
            assert bool(body.get("messages")) == bool(expected["body"].get("messages")), case
            if "schema" in body:
                assert same_content(json.loads(body["schema"]), json.loads(expected["body"]["schema"])), case
            if "id" in body:
                assert same_ids.setdefault(expected["body"]["id"], body["id"]) == body["id"], case
            media_type = CONFLUENT_TYPE if product == CONFLUENT else "application/json"
            assert answer.headers["Content-Type"] == media_type, case
    assert len(set(same_ids.values())) == len(same_ids), "two ids were one"


def test_nothing_that_matters_is_left_out() -> None:
    cases = {recording["case"] for recording in sent(CONFLUENT)}
    assert len(cases) >= 90
    selected = (
        "re-reg doc change",
        "compat all",
        "ref: register",
        "mode register in READONLY",
        "req: metadata readback",
    )
    selected += ("mode get subj default", "rules: readback", "metadata: look-up without", "context: subjects")
    assert set(selected) <= cases
