"""Making, changing, running and showing studies. A study belongs to who made it, and is fixed once it has been run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yizhan.agency.desk.words import Words
from yizhan.agency.jobs import actions as jobs
from yizhan.agency.jobs.models import Run
from yizhan.agency.laboratory import bench, queries
from yizhan.agency.laboratory.errors import FigureGone, FigureUnclear, NoRulesThen, NotYourStudy, StudyFixed
from yizhan.agency.laboratory.models import ON_RECORD, Study
from yizhan.agency.staff.audit import record
from yizhan.agency.staff.errors import NotFound
from yizhan.agency.staff.models import Officer
from yizhan.agency.staff.rights import Right
from yizhan.agency.staff.scope import acting, demand
from yizhan.errors import Problem, Problems
from yizhan.policy.areas import Library
from yizhan.simulation.scenarios import FIGURE, changed

SETTINGS = (
    "name", "question", "profile", "area_code", "persons", "seed", "years", "growth_stays", "growth_cost", "growth_funding",
    "growth_insured", "elasticity", "nearer",
)  # fmt: skip
"""What a study is made with, besides the figures that it changes."""


def create(settings: Mapping[str, Any], *, acting_user: Officer) -> Study:
    """Make a draft. `settings` has the keys of SETTINGS. Raises Problems: NoRulesThen."""
    demand(acting_user, Right.LABORATORY_RUN)
    _covered(settings)
    _may_read(settings["profile"], acting_user)
    with acting(acting_user):
        study = Study.objects.create(
            **{key: settings[key] for key in SETTINGS}, area_path=acting_user.area_path, made_by=acting_user
        )
        record("study.create", study, profile=study.profile, persons=study.persons, acting_user=acting_user)
        return study


def amend(study: Study, settings: Mapping[str, Any], *, acting_user: Officer) -> None:
    """Change what a draft is made with. Another area takes the changes of figures away. Raises Problems: NoRulesThen, not a draft, not yours."""
    _covered(settings)
    _may_read(settings["profile"], acting_user)
    with acting(acting_user):
        study = _draft(study, acting_user)
        if settings["area_code"] != study.area_code:
            study.changes = []
        for key in SETTINGS:
            setattr(study, key, settings[key])
        study.save(update_fields=[*SETTINGS, "changes"])
        record("study.amend", study, profile=study.profile, persons=study.persons, acting_user=acting_user)


def set_figures(study: Study, figures: Mapping[str, str], *, acting_user: Officer) -> int:
    """Change printed figures of a draft: place (as queries.place_of) → what shall stand there, "" or the old for no change.

    Places that are not named stay as they are. Returns how many figures are changed in all. Raises Problems: a figure of
    another kind, a place that prints nothing, not a draft, not yours.
    """
    with acting(acting_user):
        study = _draft(study, acting_user)
        known = {queries.place_of(f): f for f in queries.printed(study.area_code)}
        kept = {queries.place_of(c): c for c in study.changes}
        problems: list[Problem] = []
        for place, typed in figures.items():
            new = typed.strip()
            printed = known.get(place)
            if printed is None:
                kept.pop(place, None)
                continue
            if new in ("", printed.text):
                kept.pop(place, None)
                continue
            if not FIGURE.fullmatch(new):
                problems.append(
                    FigureUnclear(document=printed.document, article=printed.article, old=printed.text, new=new)
                )
                continue
            kept[place] = queries.change_of(printed, new)
        if problems:
            raise Problems(problems)
        study.changes = [kept[place] for place in known if place in kept]
        _tried(study)
        study.save(update_fields=["changes"])
        record("study.change_figures", study, figures=len(study.changes), acting_user=acting_user)
        return len(study.changes)


def run(study: Study, *, acting_user: Officer) -> Run:
    """Have a draft computed in the background; from now on it is fixed. Raises Problems: no laboratory, changes that do not fit."""
    bench.demand_laboratory()
    with acting(acting_user):
        study = _draft(study, acting_user)
        _tried(study)
        title = Words(f"政策测算 {study.pk}", f"study {study.pk}")
        kind = "laboratory.records" if study.on_record else "laboratory.study"
        started = jobs.start(kind, title=title, about={"study": study.pk}, acting_user=acting_user)
        study.run, study.state = started, "running"
        study.save(update_fields=["run", "state"])
        record("study.run", study, run=started.pk, acting_user=acting_user)
        return started


def again(study: Study, *, acting_user: Officer) -> Study:
    """A draft with everything that a study was made with, figures included: change and run again."""
    demand(acting_user, Right.LABORATORY_RUN)
    _may_read(study.profile, acting_user)
    with acting(acting_user):
        following = Study.objects.create(
            **{key: getattr(study, key) for key in SETTINGS}, changes=study.changes, area_path=acting_user.area_path,
            made_by=acting_user, follows=study,
        )  # fmt: skip
        record("study.again", following, follows=study.pk, acting_user=acting_user)
        return following


def remove(study: Study, *, acting_user: Officer) -> None:
    """Put a draft away: nobody is shown it any more, its row stays. Raises Problems: not a draft, not yours."""
    with acting(acting_user):
        study = _draft(study, acting_user)
        study.state = "removed"
        study.save(update_fields=["state"])
        record("study.remove", study, name=study.name, acting_user=acting_user)


def share(study: Study, *, shared: bool, acting_user: Officer) -> None:
    """Show a study to the officers of the area, or no longer. Raises Problems: not yours."""
    with acting(acting_user):
        _own(study, acting_user)
        study.shared = shared
        study.save(update_fields=["shared"])
        record("study.share", study, shared=shared, acting_user=acting_user)


def take_out(study: Study, *, form: str, acting_user: Officer) -> None:
    """Record that a result leaves the house as a file: `xlsx`, `parquet` or `pdf`."""
    with acting(acting_user):
        record("study.export", study, form=form, acting_user=acting_user)


def _may_read(profile: str, acting_user: Officer) -> None:
    """For a study on record: raises NotAllowed without the right, NotFound for an area that is not the officer's."""
    if profile.startswith(ON_RECORD):
        demand(acting_user, Right.LABORATORY_RECORDS)
        if profile.removeprefix(ON_RECORD) not in {area.code for area in queries.areas_on_record(acting_user)}:
            raise NotFound


def _covered(settings: Mapping[str, Any]) -> None:
    """Raises Problems: NoRulesThen for each year of which some day has no rules."""
    scheme = Library().scheme(settings["area_code"])
    outside = [y for y in settings["years"] if scheme.begins_on > date(y, 1, 1) or scheme.ends_on < date(y, 12, 31)]
    if outside:
        last = scheme.ends_on.isoformat() if scheme.ends_on < date.max else "—"
        raise Problems([
            NoRulesThen(area=scheme.name, first=scheme.begins_on.isoformat(), last=last, year=year) for year in outside
        ])  # fmt: skip


def _own(study: Study, acting_user: Officer) -> None:
    demand(acting_user, Right.LABORATORY_RUN)
    if study.made_by_id != acting_user.pk:
        raise Problems([NotYourStudy(name=study.made_by.name)])


def _draft(study: Study, acting_user: Officer) -> Study:
    """The study as it stands now, locked. Raises Problems: NotYourStudy, StudyFixed."""
    study = Study.objects.select_for_update(of=("self",)).select_related("made_by").get(pk=study.pk)
    _own(study, acting_user)
    if study.state != "draft":
        raise Problems([StudyFixed()])
    return study


def _tried(study: Study) -> None:
    """Read the documents with the changes once. Raises Problems: what they would be refused for, figures that have moved."""
    if not study.changes:
        Library().scheme(study.area_code)
        return
    known = {queries.place_of(f) + f.text for f in queries.printed(study.area_code)}
    gone = [c for c in study.changes if queries.place_of(c) + c["old"] not in known]
    if gone:
        raise Problems([FigureGone(document=c["document"], article=c["article"], old=c["old"]) for c in gone])
    with TemporaryDirectory(prefix="yizhan-study-") as folder:
        Library(changed(None, bench.changes_of(study), Path(folder) / "policies")).scheme(study.area_code)
