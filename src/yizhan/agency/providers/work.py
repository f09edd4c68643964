"""The long work of catalogues: reading a file and comparing it with what is in force."""

from __future__ import annotations

from django.urls import reverse

from yizhan.agency.jobs.models import Run
from yizhan.agency.jobs.work import Work, work
from yizhan.agency.providers import comparing
from yizhan.agency.providers.models import Version, VersionFile
from yizhan.agency.providers.reading import load_items
from yizhan.agency.spreadsheets import read_table
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import System


@work("catalogue.read", right=Right.CATALOGUE_IMPORT)
class Read(Work):
    """Reads a version's file, then compares it. About: version."""

    def total(self, run: Run) -> int:
        return 1

    def step(self, run: Run, position: int) -> None:
        version = Version.objects.select_for_update().get(pk=run.about["version"])
        stored = VersionFile.objects.get(version=version)
        version.rows = load_items(version.pk, version.kind, read_table(bytes(stored.content), version.file_name))
        version.save(update_fields=["rows"])

    def finish(self, run: Run) -> None:
        version = Version.objects.select_for_update().get(pk=run.about["version"])
        if version.state != "reading":
            return
        version.compared_with = comparing.base_of(version)
        version.counts = comparing.count_changes(version, version.compared_with)
        version.state = "draft"
        version.save(update_fields=["compared_with", "counts", "state"])
        run.result |= {"counts": version.counts, "next": reverse("providers:version", args=[version.pk])}
        actor = run.officer or System("catalogue.read", version.area_path)
        record("catalogue.read", version, rows=version.rows, counts=version.counts, acting_user=actor)

    def given_up(self, run: Run) -> None:
        Version.objects.filter(pk=run.about["version"], state="reading").update(
            state="unreadable", problems=run.problems
        )
