"""Who holds supplementary insurance: added and withdrawn, never changed; it moves with the person as an enrolment does."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import yizhan.agency.staff.models
from yizhan.agency.staff.guards import changes_only, row_security, withdrawn_once

_FOLLOW = """
    create or replace function enrolment_follow_person() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
    begin
        update enrolment_enrolment set area_path = new.area_path
         where person_id = new.id and withdrawn_at is null and left(area_path, 21) = left(new.area_path, 21);
        update enrolment_charge set area_path = new.area_path
         where person_id = new.id and left(area_path, 21) = left(new.area_path, 21);
        {cover}
        return null;
    end $$;
"""
_COVER = """update enrolment_cover set area_path = new.area_path
         where person_id = new.id and left(area_path, 21) = left(new.area_path, 21);"""


class Migration(migrations.Migration):
    dependencies = [
        ("enrolment", "0004_file_rows_by_number"),
        ("people", "0003_checkers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Cover",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "area_path",
                    yizhan.agency.staff.models.PathField(db_collation="C", help_text="where the person is insured"),
                ),
                ("insurer", models.CharField(max_length=40)),
                ("valid", django.contrib.postgres.fields.ranges.DateRangeField()),
                (
                    "premium_fen",
                    models.BigIntegerField(help_text="premium for the whole period; null: not known", null=True),
                ),
                ("paid_by", models.CharField(max_length=10)),
                ("document", models.CharField(help_text="policy, list or letter that says so", max_length=100)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("withdrawn_why", models.CharField(blank=True, max_length=200)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="covers", to="people.person"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["area_path", "-id"], name="cover_area")],
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("withdrawn_at", None)),
                        expressions=[("person", "="), ("insurer", "="), ("valid", "&&")],
                        name="one_cover_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid__isempty", False), ("valid__lower_inf", False), ("valid__upper_inf", False)
                        ),
                        name="cover_has_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("premium_fen__gte", 0)), name="cover_premium_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("paid_by__in", ["person", "finance", "shared", "donor", "other"])),
                        name="cover_paid_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("withdrawn_at", None), models.Q(("withdrawn_why", ""), _negated=True), _connector="OR"
                        ),
                        name="cover_withdrawn_for_a_reason",
                    ),
                ],
            },
        ),
        row_security("enrolment_cover", persons=("person_id",)),
        changes_only("enrolment_cover", "withdrawn_at", "withdrawn_by_id", "withdrawn_why"),
        withdrawn_once("enrolment_cover"),
        migrations.RunSQL(_FOLLOW.format(cover=_COVER), _FOLLOW.format(cover="")),
    ]
