"""What the other apps learn from care: which settlements a corrected past touches, a person's bills and years so far."""

from __future__ import annotations

from django.apps import AppConfig


class CareConfig(AppConfig):
    """Tells rosters, people and the home page about settlements."""

    name = "yizhan.agency.care"

    def ready(self) -> None:
        """Register what is shown elsewhere."""
        from yizhan.agency.care import books, panels
        from yizhan.agency.filings.facts import YEAR_STATE
        from yizhan.agency.people.panels import add, add_held
        from yizhan.agency.rosters.past import FINDERS
        from yizhan.agency.staff.home import waits

        FINDERS["care"] = panels.settlements_of
        add(panels.bills_of)
        for part in (
            panels.held_bills,
            panels.held_resettlements,
            panels.held_findings,
            panels.held_approvals,
            panels.held_papers,
        ):
            add_held(part)
        YEAR_STATE.append(panels.years_of)
        books.register()
        for waiting in (
            panels.to_settle_anew, panels.batches_to_decide, panels.papers_to_decide, panels.papers_sent_back,
            panels.findings_to_decide, panels.held_parts, panels.visits_to_settle, panels.documents_ending,
        ):  # fmt: skip
            waits(waiting)
