"""Nothing is decided without somebody who decided it."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enrolment", "0002_guards"),
        ("staff", "0004_door_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "proposed"), ("decided_by__isnull", False), _connector="OR"),
                name="refund_has_a_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="subsidybatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["approved", "refused"]), _negated=True),
                    ("decided_by__isnull", False),
                    _connector="OR",
                ),
                name="subsidy_has_a_checker",
            ),
        ),
    ]
