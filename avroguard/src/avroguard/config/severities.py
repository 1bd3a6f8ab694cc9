"""Severities of rules: ``profile`` and the table ``[rules]`` of ``contracts.toml``. No I/O.

profile = "recommended"      # minimal, recommended, strict

[rules]
DOC_MISSING = "warning"      # off, warning, error
"*_STYLE" = "off"

[rules."legacy/**"]          # for the files that a pattern names
"ENUM_*" = "off"
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from avroguard.avro.names import suggestion
from avroguard.config.globs import matches
from avroguard.findings import Finding
from avroguard.rules import RULES, Family, Profile, Severity
from avroguard.toml_source import TomlPath

_SEVERITIES = {"off": None, "warning": Severity.WARNING, "error": Severity.ERROR}


@dataclass(frozen=True)
class RuleSetting:
    """The severity of some rules, in some files.

    Attributes:
        rule: A pattern for ids of rules.
        severity: The severity of their findings; None: they are dropped.
        file: A pattern for files, as messages name them; None: any.
    """

    rule: str
    severity: Severity | None
    file: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Return whether it is for a finding."""
        return matches(self.rule, finding.rule) and (self.file is None or matches(self.file, finding.place.file))


@dataclass(frozen=True)
class RuleSettings:
    """The severity of every rule.

    Attributes:
        profile: The rules of lint that count unless a setting says otherwise; None where the file names none.
        settings: In the order of the file: the last one that covers a finding counts.
    """

    profile: Profile | None = None
    settings: tuple[RuleSetting, ...] = ()

    def apply(self, findings: Iterable[Finding], profile: Profile | None = None) -> list[Finding]:
        """Return the findings that count, with their severities.

        Args:
            findings: Every finding, by the strictest profile.
            profile: The profile, instead of the file's own.
        """
        chosen = profile or self.profile or Profile.RECOMMENDED
        return [counted for finding in findings if (counted := self._counted(finding, chosen))]

    def _counted(self, finding: Finding, profile: Profile) -> Finding | None:
        rule = RULES[finding.rule]
        if not rule.is_configurable:
            return finding
        setting = next((setting for setting in reversed(self.settings) if setting.covers(finding)), None)
        if setting is None:
            return finding if profile.includes(rule.profile) else None
        return replace(finding, severity=setting.severity) if setting.severity else None


RECOMMENDED = RuleSettings()
"""The settings where a file has none."""


def read_rule_settings(
    tables: dict[str, Any], shown: Callable[[str], str]
) -> tuple[RuleSettings, list[tuple[str, TomlPath]]]:
    """Read ``profile`` and ``[rules]``.

    Args:
        tables: The contracts file.
        shown: Returns the name in messages of a file beside it.

    Returns:
        The settings, and what is wrong with them: messages, each with the key that it is about.
    """
    faults: list[tuple[str, TomlPath]] = []
    profile = tables.get("profile")
    known = [str(name) for name in Profile]
    if profile is not None and profile not in known:
        near = suggestion(str(profile), known)
        faults.append((f"profile: expected one of {', '.join(known)}{near}", ("profile",)))
        profile = None
    rules = tables.get("rules", {})
    if not isinstance(rules, dict):
        return RuleSettings(), [*faults, ("rules: expected a table [rules]", ("rules",))]
    settings: list[RuleSetting] = []
    for key, value in rules.items():
        entries = value.items() if isinstance(value, dict) else [(key, value)]
        for rule, severity in entries:
            path = ("rules", key, rule) if isinstance(value, dict) else ("rules", rule)
            faults += [(f"rules: {message}", path) for message in _faults(rule, severity)]
            settings.append(
                RuleSetting(rule, _SEVERITIES.get(str(severity)), shown(key) if isinstance(value, dict) else None)
            )
    return RuleSettings(Profile(profile) if profile else None, tuple(settings)), faults


def _faults(rule: str, severity: Any) -> Iterator[str]:
    chosen = [known for known in RULES.values() if matches(rule, known.id)]
    if not chosen:
        yield f"there is no rule {rule}{suggestion(rule, list(RULES))}"
    elif not any(known.is_configurable for known in chosen):
        waivable = chosen[0].family not in (Family.SYNTAX, Family.WAIVERS)
        hint = " (a table [[waivers]] accepts single findings)" if waivable else ""
        yield f"{rule} is always an error{hint}: {chosen[0].summary.lower()}"
    if severity not in _SEVERITIES:
        yield f'{rule}: expected "off", "warning" or "error"'
