"""Enrolment, accounts of premiums, subsidies, lists for the tax office."""

import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import yizhan.agency.staff.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("people", "0002_guards"),
        ("staff", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Charge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("own_premium", models.BigIntegerField()),
                ("government_part", models.BigIntegerField()),
                ("void", models.BooleanField(default=False, help_text="the enrolment fell away: nothing is due")),
                ("subsidised", models.BigIntegerField(default=0)),
                ("received", models.BigIntegerField(default=0)),
                ("refunded", models.BigIntegerField(default=0)),
                ("digest", models.CharField(help_text="of the rules that the figures come from", max_length=16)),
                (
                    "explanation",
                    models.JSONField(
                        default=dict, help_text="{zh: [...], en: [...]} as told when the person was enrolled"
                    ),
                ),
                (
                    "due",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(then=models.Value(0, output_field=models.BigIntegerField()), void=True),
                            default=models.F("own_premium"),
                        ),
                        output_field=models.BigIntegerField(),
                    ),
                ),
                (
                    "covered",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(then=models.Value(0, output_field=models.BigIntegerField()), void=True),
                            default=django.db.models.functions.comparison.Least(
                                models.F("subsidised"), models.F("own_premium")
                            ),
                        ),
                        output_field=models.BigIntegerField(),
                    ),
                ),
                (
                    "balance",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.Case(
                                    models.When(then=models.Value(0, output_field=models.BigIntegerField()), void=True),
                                    default=django.db.models.expressions.CombinedExpression(
                                        models.F("own_premium"),
                                        "-",
                                        django.db.models.functions.comparison.Least(
                                            models.F("subsidised"), models.F("own_premium")
                                        ),
                                    ),
                                ),
                                "-",
                                models.F("received"),
                            ),
                            "+",
                            models.F("refunded"),
                        ),
                        output_field=models.BigIntegerField(),
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="charges", to="people.person"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Double",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("other_scheme", models.CharField(max_length=20)),
                ("other_since", models.DateField(null=True)),
                ("other_until", models.DateField(null=True)),
                ("found_in", models.CharField(help_text="list or platform", max_length=10)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("keeps", models.CharField(blank=True, max_length=5)),
                ("from_on", models.DateField(help_text="from which day the one that goes is ended", null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.person"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "area_path",
                    yizhan.agency.staff.models.PathField(db_collation="C", help_text="where the person is insured"),
                ),
                ("year", models.IntegerField()),
                ("scheme", models.CharField(max_length=20)),
                ("tier", models.CharField(blank=True, max_length=10)),
                ("event", models.CharField(default="ordinary", max_length=20)),
                ("event_on", models.DateField(null=True)),
                ("enrolled_on", models.DateField()),
                ("insured", django.contrib.postgres.fields.ranges.DateRangeField(null=True)),
                ("start", models.CharField(blank=True, help_text="which day the first insured day is", max_length=12)),
                (
                    "place",
                    models.CharField(
                        blank=True, help_text="employer or bureau, where the scheme is run elsewhere", max_length=100
                    ),
                ),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("withdrawn_why", models.CharField(blank=True, max_length=200)),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="enrolments",
                        to="people.person",
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
        ),
        migrations.CreateModel(
            name="Extension",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_code", models.CharField(help_text="the pooling area", max_length=12)),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("period_to", models.DateField()),
                ("document", models.CharField(max_length=120)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ListFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=10)),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("name", models.CharField(max_length=120)),
                ("digest", models.BinaryField()),
                ("rows", models.IntegerField()),
                ("fen", models.BigIntegerField(default=0)),
                ("run_id", models.BigIntegerField(null=True)),
                ("uploaded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ListRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("place", models.IntegerField(help_text="0, 1, 2 … in the file")),
                ("row", models.IntegerField(help_text="as the spreadsheet numbers it")),
                ("name", models.CharField(max_length=60)),
                ("id_hash", models.BinaryField()),
                ("id_mask", models.CharField(max_length=30)),
                ("cells", models.JSONField()),
                ("outcome", models.CharField(blank=True, max_length=10)),
                ("why", models.JSONField(default=dict, help_text="{zh, en}")),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="enrolment.listfile"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Population",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("heads", models.IntegerField()),
                ("counted_on", models.DateField()),
                ("source", models.CharField(max_length=120)),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "area",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="staff.area"),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                (
                    "pooling",
                    models.CharField(
                        help_text="the pooling area, whose tax office numbers its receipts", max_length=12
                    ),
                ),
                ("year", models.IntegerField()),
                ("number", models.CharField(max_length=60)),
                ("fen", models.BigIntegerField()),
                ("paid_on", models.DateField()),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="receipts", to="enrolment.charge"
                    ),
                ),
                (
                    "row",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="receipt", to="enrolment.listrow"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Difference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("kind", models.CharField(max_length=20)),
                ("expected", models.BigIntegerField(null=True)),
                ("found", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decision", models.CharField(blank=True, max_length=10)),
                ("decided_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "charge",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="differences",
                        to="enrolment.charge",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "row",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="differences", to="enrolment.listrow"
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="differences",
                        to="enrolment.receipt",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("fen", models.BigIntegerField()),
                ("reason", models.CharField(max_length=20)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("state", models.CharField(default="proposed", max_length=10)),
                ("proposed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_why", models.CharField(blank=True, max_length=200)),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="enrolment.charge"
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SubsidyBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=30, unique=True)),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("state", models.CharField(default="computing", max_length=10)),
                (
                    "document",
                    models.CharField(blank=True, help_text="the application of the departments", max_length=120),
                ),
                ("computed_on", models.DateField(help_text="the day whose knowledge it was computed with")),
                ("run_id", models.BigIntegerField(null=True)),
                (
                    "counts",
                    models.JSONField(
                        default=dict, help_text="whom the computation looked at, and why some get no line"
                    ),
                ),
                ("proposed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_why", models.CharField(blank=True, max_length=200)),
                ("money_on", models.DateField(help_text="the day on which the money arrives", null=True)),
                (
                    "area",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="staff.area"),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SubsidyLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("payer", models.CharField(help_text="as the policy document names it", max_length=40)),
                ("identity", models.CharField(blank=True, max_length=30)),
                ("fen", models.BigIntegerField()),
                ("before", models.BigIntegerField(help_text="what this person's year had been given before")),
                (
                    "enrols",
                    models.BooleanField(default=False, help_text="the person is not enrolled yet; approving does it"),
                ),
                ("applied_by", models.CharField(blank=True, max_length=40)),
                ("certified_by", models.CharField(blank=True, max_length=60)),
                ("citation", models.CharField(blank=True, max_length=200)),
                ("stand_in", models.BooleanField(default=False)),
                ("explanation", models.JSONField(default=dict)),
                ("open", models.BooleanField(default=True)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="enrolment.subsidybatch"
                    ),
                ),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="enrolment.charge"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.person"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("kind", models.CharField(max_length=10)),
                ("fen", models.BigIntegerField()),
                ("payer", models.CharField(blank=True, max_length=40)),
                ("on", models.DateField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="enrolment.charge"
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
                    "receipt",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entry",
                        to="enrolment.receipt",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entry",
                        to="enrolment.refund",
                    ),
                ),
                (
                    "line",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entry",
                        to="enrolment.subsidyline",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TaxList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=30, unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("year", models.IntegerField()),
                ("rows", models.IntegerField(default=0)),
                ("fen", models.BigIntegerField(default=0)),
                (
                    "digest",
                    models.CharField(
                        blank=True, help_text="SHA-256 of the file; empty while it is being made", max_length=64
                    ),
                ),
                ("run_id", models.BigIntegerField(null=True)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "area",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="staff.area"),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="refund",
            name="tax_list",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="enrolment.taxlist"
            ),
        ),
        migrations.CreateModel(
            name="TaxRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("area_path", yizhan.agency.staff.models.PathField(db_collation="C")),
                ("name", models.CharField(max_length=60)),
                ("id_sealed", models.TextField()),
                ("id_mask", models.CharField(max_length=30)),
                ("fen", models.BigIntegerField()),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tax_rows", to="enrolment.charge"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.person"
                    ),
                ),
                (
                    "tax_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="enrolment.taxlist"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="charge",
            index=models.Index(fields=["area_path", "year"], name="charge_area"),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.UniqueConstraint(fields=("person", "year"), name="one_charge_a_year"),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("subsidised__gte", 0),
                    (
                        "subsidised__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("own_premium"), "+", models.F("government_part")
                        ),
                    ),
                ),
                name="subsidy_within_premium",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(("refunded__gte", 0), ("refunded__lte", models.F("received"))),
                name="refund_within_received",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(("government_part__gte", 0), ("own_premium__gte", 0)), name="premium_not_negative"
            ),
        ),
        migrations.AddIndex(
            model_name="double",
            index=models.Index(fields=["area_path", "year"], name="double_area"),
        ),
        migrations.AddConstraint(
            model_name="double",
            constraint=models.UniqueConstraint(
                fields=("person", "year", "other_scheme", "other_since"),
                name="double_opened_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(fields=["area_path", "year", "scheme"], name="enrolment_area"),
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(fields=["person", "year"], name="enrolment_person_year"),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("scheme__in", ("resident", "rural_cooperative", "urban_resident")), ("withdrawn_at", None)
                ),
                fields=("person", "year"),
                name="one_resident_enrolment",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)),
                fields=("person", "scheme", "insured"),
                name="enrolment_said_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=models.CheckConstraint(
                condition=models.Q(("insured", None), ("insured__isempty", False), _connector="OR"),
                name="insured_not_empty",
            ),
        ),
        migrations.AddIndex(
            model_name="extension",
            index=models.Index(fields=["area_code", "year"], name="extension_year"),
        ),
        migrations.AddConstraint(
            model_name="listfile",
            constraint=models.UniqueConstraint(fields=("area_path", "kind", "year", "digest"), name="file_taken_once"),
        ),
        migrations.AddConstraint(
            model_name="listrow",
            constraint=models.UniqueConstraint(fields=("file", "place"), name="row_place"),
        ),
        migrations.AddConstraint(
            model_name="population",
            constraint=models.CheckConstraint(condition=models.Q(("heads__gt", 0)), name="population_above_zero"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("pooling", "number"), name="receipt_counted_once"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(condition=models.Q(("fen__gt", 0)), name="receipt_above_zero"),
        ),
        migrations.AddIndex(
            model_name="difference",
            index=models.Index(fields=["area_path", "year", "decision"], name="difference_open"),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    ("state", "withdrawn"),
                    _connector="OR",
                ),
                name="subsidy_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["computing", "proposed"])),
                fields=("area", "year"),
                name="one_open_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="subsidyline",
            index=models.Index(fields=["batch", "payer"], name="line_payer"),
        ),
        migrations.AddConstraint(
            model_name="subsidyline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("open", True)), fields=("person", "year", "payer"), name="one_open_line"
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidyline",
            constraint=models.CheckConstraint(condition=models.Q(("fen", 0), _negated=True), name="line_not_zero"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["charge", "id"], name="entry_charge"),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "subsidy"), ("line__isnull", False), ("receipt", None), ("refund", None)),
                    models.Q(
                        ("fen__gt", 0),
                        ("kind", "received"),
                        ("line", None),
                        ("receipt__isnull", False),
                        ("refund", None),
                    ),
                    models.Q(
                        ("fen__gt", 0),
                        ("kind", "refunded"),
                        ("line", None),
                        ("receipt", None),
                        ("refund__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="entry_has_one_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("fen__gt", 0)), name="refund_above_zero"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="refund_maker_is_not_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "proposed")), fields=("charge",), name="one_open_refund"
            ),
        ),
        migrations.AddIndex(
            model_name="taxrow",
            index=models.Index(fields=["charge", "-id"], name="taxrow_latest"),
        ),
    ]
