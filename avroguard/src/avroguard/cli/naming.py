"""Subjects that a user names: by subject, by schema file, or by the last part of a name."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from avroguard.cli.options import refuse_unknown_subjects
from avroguard.config.projects import Project
from avroguard.errors import UsageError
from avroguard.findings import listed


def named_subjects(projects: Sequence[Project], names: Sequence[str]) -> set[str]:
    """Return the subjects that names stand for; a faulty schema file without a contract is called by its path.

    Args:
        projects: What is checked.
        names: What the user gave: subjects, paths of schema files, names of files or of types without the namespace.

    Raises:
        UsageError: If a name stands for nothing, or for several files.
    """
    files = [entry for project in projects for entry in _subject_files(project)]
    known = list(dict.fromkeys(subject for subject, _ in files))
    result: set[str] = set()
    for name in names:
        path = Path(name).resolve()
        subjects = {name} & {*known} or {subject for subject, file in files if file == path}
        if not subjects:
            subjects = {
                subject for subject, file in files if name in (file.name, file.stem, subject.rpartition(".")[2])
            }
            if len(subjects) > 1:
                raise UsageError(f"{name} may be one of {listed(sorted(subjects))}: give the subject or the path")
        if not subjects:
            where = " and ".join(dict.fromkeys(project.inspection.contracts.name for project in projects))
            refuse_unknown_subjects([name], known, where)
        result |= subjects
    return result


def _subject_files(project: Project) -> Iterator[tuple[str, Path]]:
    """The subjects of a project, each with its schema file; faulty ones that are called by their file as well."""
    for contract in project.inspection.contracts.subjects:
        yield contract.subject, contract.schema.path.resolve()
    for name in project.inspection.invalid:
        yield name, (project.directory / name).resolve()
