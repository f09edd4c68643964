"""The migrations: they say what the models say, and a fresh database is made without needless work."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddConstraint, AddIndex, CreateModel


@pytest.mark.django_db
def test_the_migrations_make_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True)
    assert "No changes detected" in capsys.readouterr().out


def test_a_table_is_made_with_its_indexes_and_constraints() -> None:
    """Django writes them as steps of their own, each of which makes it think through all models that are related: written
    into the options of CreateModel they cost nothing, and the whole takes half the time.
    """
    apart = []
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if not migration.__module__.startswith("yizhan."):
            continue
        made = {step.name_lower for step in migration.operations if isinstance(step, CreateModel)}
        apart += [
            f"{app}.{name}: {step.describe()}"
            for step in migration.operations
            if isinstance(step, AddIndex | AddConstraint) and step.model_name_lower in made
        ]
    assert not apart, "move it into the options of the table's CreateModel:\n" + "\n".join(apart)
