"""Graph of the payments around an account: two steps, laid out by networkx."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import networkx as nx
from markupsafe import Markup

from services.console.charts.svg import tag
from services.console.formats import moment
from services.console.records import Transaction

WIDTH, HEIGHT, MARGIN = 960, 520, 60
MAX_ACCOUNTS = 60


@dataclass(frozen=True)
class Graph:
    """A picture of an account's graph.

    Attributes:
        picture: The SVG; each edge has the times of its first and last payment.
        begin: Time of the first payment.
        end: Time of the last one.
        accounts: Number of accounts that are drawn.
        left_out: Number of accounts that are not, as there are too many.
        payments: Number of payments that are drawn.
    """

    picture: Markup
    begin: int
    end: int
    accounts: int
    left_out: int
    payments: int


def draw_graph(transactions: Sequence[Transaction], account: str, money: Callable[[int], str]) -> Graph | None:
    """Return the graph of an account and those up to two payments away; None where it has no payments.

    Args:
        transactions: The payments.
        account: The account in the middle.
        money: Shows an amount.
    """
    edges: dict[tuple[str, str], list[Transaction]] = defaultdict(list)
    for transaction in sorted(transactions, key=lambda item: (item.created_at, item.id)):
        edges[transaction.source, transaction.target].append(transaction)
    whole = nx.DiGraph()
    whole.add_edges_from(edges)
    if account not in whole:
        return None
    near = nx.single_source_shortest_path_length(whole.to_undirected(as_view=True), account, cutoff=2)
    # Those next to the account first, then those with most payments: their ties are what one looks for.
    degree = dict(whole.degree())
    chosen = sorted(near, key=lambda name: (near[name], -degree[name], name))[:MAX_ACCOUNTS]
    drawn = whole.subgraph(chosen)
    places = _places(drawn, account, near)
    shown = {pair: payments for pair, payments in edges.items() if drawn.has_edge(*pair)}
    most = max(sum(payment.amount for payment in payments) for payments in shown.values()) or 1
    parts = [_arrow_head()]
    parts += [_edge(places, pair, payments, most, money) for pair, payments in shown.items()]
    parts += [_node(name, places[name], near[name]) for name in drawn]
    times = [payment.created_at for payments in shown.values() for payment in payments]
    picture = tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", class_="graph",
        aria_label=f"{len(drawn)} accounts up to two payments away from {account}",
    )  # fmt: skip
    return Graph(picture, min(times), max(times), len(drawn), len(near) - len(drawn), len(times))


def _places(graph: "nx.DiGraph[str]", account: str, near: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Return the place of each account: the same for the same payments, with the account in the middle."""
    rings = [[name for name in sorted(graph) if near[name] == distance] for distance in (0, 1, 2)]
    start = nx.shell_layout(graph, [ring for ring in rings if ring])
    layout = nx.spring_layout(
        graph.to_undirected(), pos=start, fixed=[account], k=1.6 / max(len(graph), 1) ** 0.5, iterations=60, seed=1
    )
    reach_x = max(abs(float(x)) for x, _ in layout.values()) or 1
    reach_y = max(abs(float(y)) for _, y in layout.values()) or 1
    return {
        name: (
            WIDTH / 2 + float(x) / reach_x * (WIDTH / 2 - MARGIN),
            HEIGHT / 2 + float(y) / reach_y * (HEIGHT / 2 - MARGIN / 2),
        )
        for name, (x, y) in layout.items()
    }


def _arrow_head() -> Markup:
    triangle = tag("path", d="M0 0 L8 4 L0 8 z", class_="arrow")
    marker = tag("marker", triangle, id="arrow", markerWidth=8, markerHeight=8, refX=14, refY=4, orient="auto",
                 markerUnits="userSpaceOnUse")  # fmt: skip
    return tag("defs", marker)


def _edge(
    places: dict[str, tuple[float, float]],
    pair: tuple[str, str],
    payments: Sequence[Transaction],
    most: int,
    money: Callable[[int], str],
) -> Markup:
    (x1, y1), (x2, y2) = places[pair[0]], places[pair[1]]
    total = sum(payment.amount for payment in payments)
    last = payments[-1]
    title = (
        f"{pair[0]} → {pair[1]}: {len(payments)} payments, {money(total)} {last.currency}, {moment(last.created_at)}"
    )
    return tag(
        "line", tag("title", text=title), x1=x1, y1=y1, x2=x2, y2=y2, class_="edge", marker_end="url(#arrow)",
        stroke_width=1 + 3 * total / most, data_first=payments[0].created_at, data_last=payments[-1].created_at,
    )  # fmt: skip


def _node(name: str, place: tuple[float, float], distance: int) -> Markup:
    x, y = place
    circle = tag("circle", tag("title", text=name), cx=x, cy=y, r=(9, 6, 4)[distance], class_=f"node near-{distance}")
    if distance == 2:
        return circle
    return tag("g", circle, tag("text", text=name, x=x, y=y - 12, text_anchor="middle", class_="caption"))
