"""The report of a training as one HTML page."""

from services.rules.models.scoring_model import TrainedOn
from tools.history.formatting import number, score, share
from tools.html_page import figures, heading, page_of, table, tiles
from tools.train.report_pictures import report_pictures
from tools.train.report_text import cells, headings, time_range
from tools.train.training import TrainingReport

_DEFINITIONS = """<dl>
<dt>Score</dt><dd>What the model says of a transaction, from 0 to 1: by its training, the probability of fraud.</dd>
<dt>AUC</dt><dd>The probability that a fraud has a higher score than another transaction. 0.5 is chance. With little
fraud it is near 1 even where most alerts are false: look at precision.</dd>
<dt>Average precision</dt><dd>The mean of the precision over the recall, from the highest score down. The share of fraud
among all is chance.</dd>
<dt>Precision at N</dt><dd>Analysts look at the N transactions of highest score each day: the share of them that is
fraud, averaged over the days.</dd>
<dt>Card precision at N</dt><dd>They look at the N payers of highest score instead, and a payer whose fraud was found is
blocked: the share of payers with fraud that day. The Handbook's CP@N.</dd>
<dt>Perfect</dt><dd>A ranking that has all fraud first. With fewer than N frauds a day it can't reach 100 %.</dd>
<dt>Rules, both</dt><dd>Rules rank by the severity and number of their matches. Their score becomes the share of fraud
that it had in the training data, and both is the higher of that and the model's.</dd>
<dt>Known payers</dt><dd>Payers with fraud whose label has arrived before the day of a transaction are blocked by then,
so they are not tested.</dd>
</dl>"""


def page(report: TrainingReport) -> str:
    """Return the whole page."""
    model, best = report.model, report.contenders[0].all
    training, test = model.training, model.test
    known = f", without {report.left_out:,} of payers that were known by then" if report.left_out else ""
    lines = [
        f"{len(model.trees)} trees on {len(model.features)} features ({model.features_digest}) of {report.source}.",
        f"Trained on {_data(training)}.",
        f"Tested on {_data(test)}{known}.",
    ]
    shown = [
        (score(best.average_precision), "average precision"),
        (share(best.card_precision_at), f"card precision at {report.per_day}"),
        (share(report.ceiling.card_precision_at), "of a perfect ranking"),
        (share(best.precision_at), f"precision at {report.per_day}"),
        (score(best.auc), "AUC"),
    ]
    return page_of(
        f"Model {model.name}",
        lines,
        [
            tiles(shown),
            figures(report_pictures(report).values()),
            heading("Figures"),
            _figures(report),
            heading("What the figures mean"),
            _DEFINITIONS,
        ],
    )


def _data(data: TrainedOn) -> str:
    """Return rows, time and fraud of data in words."""
    return f"{data.rows:,} transactions of {time_range(data.begin_ms, data.end_ms)}, {data.fraud:,} of them fraud"


def _figures(report: TrainingReport) -> str:
    fraud = number(report.model.test.fraud)
    rows = [([each.name, "all", fraud, *cells(each.all)], "all") for each in report.contenders]
    rows.append((["perfect", "all", fraud, *cells(report.ceiling)], "shadow"))
    rows += [
        ([each.name, kind, number(report.scenario_rows[kind]), *cells(of_kind)], "")
        for each in report.contenders
        for kind, of_kind in each.scenarios.items()
    ]
    return table(headings(report), rows, words=2)
