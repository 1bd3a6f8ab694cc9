"""Patches between two values, and objects without what only Helm needs."""

from typing import Any

import pytest

from tools.manifests.kustomize import json_patch, without_helm


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [{"op": "replace", "path": "/a", "value": 2}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({}, {"x/y~z": 1}, [{"op": "add", "path": "/x~1y~0z", "value": 1}]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, [{"op": "add", "path": "/a/c", "value": 2}]),
        ([1, 3], [1, 2, 3, 4], [{"op": "add", "path": "/1", "value": 2}, {"op": "add", "path": "/3", "value": 4}]),
        ([{"a": 1}], [{"a": 2}], [{"op": "replace", "path": "/0/a", "value": 2}]),
        ([1, 2], [2], [{"op": "replace", "path": "", "value": [2]}]),
        ([1, 2], [3, 1, 4], [{"op": "replace", "path": "", "value": [3, 1, 4]}]),
    ],
)
def test_a_patch_makes_one_value_of_the_other(before: Any, after: Any, operations: list[dict[str, Any]]) -> None:
    assert list(json_patch(before, after)) == operations


def test_plain_objects_have_nothing_of_helm() -> None:
    metadata = {"name": "x-topics-1a2b3c4d", "labels": {"helm.sh/chart": "x-1", "app": "x"}}
    pod = {"metadata": {"labels": {"app": "x"}, "annotations": {"checksum/connection": "1"}}}
    job = {"kind": "Job", "metadata": metadata, "spec": {"template": pod}}
    (plain,) = without_helm([job])
    assert plain["metadata"] == {"name": "x-topics", "labels": {"app": "x"}}
    assert plain["spec"]["template"]["metadata"] == {"labels": {"app": "x"}}
    assert job["metadata"]["name"] == "x-topics-1a2b3c4d"
