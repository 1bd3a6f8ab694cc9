"""Setting the levels of subjects, all of them or none."""

from collections.abc import Iterable, Sequence

from avroguard.changes.checking import REFUSED_FIX
from avroguard.changes.registry_baseline import RegistryBaseline
from avroguard.errors import ExpectedError
from avroguard.findings import Finding
from avroguard.registration.plan import Step
from avroguard.registry.client import Registry


def set_levels(steps: Sequence[Step], registry: Registry) -> list[Finding]:
    """Set the levels of the steps and ask the registry for its verdicts at them; a refusal puts all levels back.

    A registry checks at the level that a subject has, so this is the only way to its verdict at another level.

    Returns:
        A finding for each refusal; if there is one, no level has changed.
    """
    baseline = RegistryBaseline(registry, [step.contract for step in steps])
    changed: list[Step] = []
    refused: list[Finding] = []
    try:
        for step in steps:
            if step.changes_level:
                changed.append(step)
                registry.set_compatibility_level(step.subject, step.level)
        refused += [_refusal(step) for step in steps if _refuses(step, baseline)]
    except (ExpectedError, KeyboardInterrupt) as error:
        put_levels_back(changed, registry, error if isinstance(error, ExpectedError) else None)
        raise
    if refused:
        put_levels_back(changed, registry)
    return refused


def put_levels_back(steps: Iterable[Step], registry: Registry, why: ExpectedError | None = None) -> None:
    """Undo `set_levels` for the steps that it changed, as far as the registry allows.

    Args:
        steps: The steps.
        registry: The registry with the levels.
        why: The reason of an earlier failure, if there was one.

    Raises:
        ExpectedError: If a level could not be put back: of the kind of what went wrong first, with a line for each.
    """
    left = []
    first = why
    for step in steps:
        if step.changes_level:
            try:
                registry.set_compatibility_level(step.subject, step.level_before)
            except ExpectedError as error:
                first = first or error
                before = step.level_before or "unset"
                left.append(f"subject {step.subject}: the level, {before} before, may be left as {step.level}: {error}")
    if first and left:
        raise type(first)("\n".join([str(why), *left] if why else left)) from first


def _refuses(step: Step, baseline: RegistryBaseline) -> bool:
    new_version = step.latest and not step.registered
    return bool(new_version) and not baseline.accepts(step.subject, step.schema, step.level)


def _refusal(step: Step) -> Finding:
    why = "whatever is waived here" if step.findings else "though no rule here says why"
    message = f"the registry refuses this schema at {step.level}, {why}"
    return Finding(step.schema.where(), "REFUSED_BY_REGISTRY", message, REFUSED_FIX, subjects=(step.subject,))
