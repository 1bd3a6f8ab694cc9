"""Converts LightGBM's trees to those of model files."""

from collections.abc import Mapping
from typing import Any

from services.errors import UsageError
from services.rules.models.trees import Tree


def trees_of(dump: Mapping[str, Any]) -> tuple[Tree, ...]:
    """Return the trees of a model in the form of LightGBM's `Booster.dump_model`.

    Raises:
        UsageError: It splits by categories, or takes zero for a missing value.
    """
    return tuple(_tree(entry["tree_structure"]) for entry in dump["tree_info"])


def _tree(root: Mapping[str, Any]) -> Tree:
    nodes: list[tuple[int, float, bool, list[int]]] = []
    leaves: list[tuple[float, int]] = []

    def add(part: Mapping[str, Any]) -> int:
        if "leaf_value" in part:
            # A tree that found no split has a leaf without a count.
            leaves.append((float(part["leaf_value"]), int(part.get("leaf_count", 0)) or 1))
            return ~(len(leaves) - 1)
        children = [0, 0]
        threshold = float(part["threshold"]) if part["decision_type"] == "<=" else 0.0
        nodes.append((int(part["split_feature"]), threshold, _missing_left(part), children))
        number = len(nodes) - 1
        children[:] = add(part["left_child"]), add(part["right_child"])
        return number

    add(root)
    return Tree(
        features=tuple(node[0] for node in nodes),
        thresholds=tuple(node[1] for node in nodes),
        left=tuple(node[3][0] for node in nodes),
        right=tuple(node[3][1] for node in nodes),
        missing_left=tuple(node[2] for node in nodes),
        values=tuple(leaf[0] for leaf in leaves),
        counts=tuple(leaf[1] for leaf in leaves),
    )


def _missing_left(node: Mapping[str, Any]) -> bool:
    """Return where a row without a value goes.

    Source: LightGBM's `Tree::NumericalDecision`: where training saw no missing value, one counts as 0.
    """
    if node["decision_type"] != "<=":
        raise UsageError(f"feature {node['split_feature']}: LightGBM split it by categories; give numbers")
    match node["missing_type"]:
        case "NaN":
            return bool(node["default_left"])
        case "None":
            return float(node["threshold"]) >= 0
    raise UsageError(
        f"feature {node['split_feature']}: LightGBM took zero for a missing value; zero_as_missing is unknown"
    )
