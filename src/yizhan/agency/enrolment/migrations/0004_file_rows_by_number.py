"""Rows of uploaded tables are found by the number that they name: for the print of what is held about somebody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrolment", "0003_checkers")]

    operations = [
        migrations.AddIndex(model_name="listrow", index=models.Index(fields=["id_hash"], name="listrow_number")),
    ]
