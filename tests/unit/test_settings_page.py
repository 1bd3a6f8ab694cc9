"""The page of settings lists every setting of the services, with its default."""

import re
from pathlib import Path

from services.console.settings import ConsoleSettings
from services.contracts import RegistrySettings
from services.detection.settings import DetectorSettings
from services.detector_flink.settings import FlinkSettings
from services.generator.settings import GeneratorSettings
from services.notifier.settings import NotifierSettings
from services.streaming.arguments import settings_of

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
DESCRIBED = {"DATABASE_URL", "INSTANCE_ID", "METRICS_PORT", "SEED", "SLA_HOURS"}
"""Settings whose default the page gives in words."""


def listed() -> dict[str, str]:
    """The defaults on the page by variable, without markup."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) ?\| [\w`, ]+ \|", PAGE.read_text(), re.MULTILINE)
    return {variable: re.sub(r"[` ]", "", default) for variable, default in rows}


def test_the_page_of_settings_lists_every_setting_with_its_default() -> None:
    kinds = (ConsoleSettings, DetectorSettings, FlinkSettings, GeneratorSettings, NotifierSettings)
    classes = (*kinds, RegistrySettings)
    settings = {setting.variable: setting.default for kind in classes for setting in settings_of(kind)}
    page = listed()
    assert page.pop("SCHEMAS_DIR") == "schemas/"  # of the contracts, not of a service
    assert page.keys() == settings.keys()
    shown = {variable: re.sub(r"^(\d+)\.0$", r"\1", default) for variable, default in settings.items()}
    differing = {name for name, default in page.items() if default != shown[name]}
    assert differing == DESCRIBED
