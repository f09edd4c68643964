"""Nothing is decided without somebody who decided it."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="merge",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "proposed"), ("decided_by__isnull", False), _connector="OR"),
                name="merge_has_a_checker",
            ),
        ),
    ]
