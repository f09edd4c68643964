# Written by Django 5.2

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import yizhan.agency.staff.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('people', '0002_guards'),
        ('staff', '0004_door_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_path', yizhan.agency.staff.models.PathField(db_collation='C', help_text='the area that answered for the person on that day')),
                ('claim_number', models.CharField(max_length=40)),
                ('care', models.CharField(max_length=20)),
                ('admitted_on', models.DateField()),
                ('discharged_on', models.DateField()),
                ('identity_on', models.DateField(help_text='day on which the identities count')),
                ('settled_on', models.DateField(help_text='day of the bill in the order of the year')),
                ('identities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), help_text='those that were taken into account', size=None)),
                ('total_fen', models.BigIntegerField()),
                ('paid_fen', models.BigIntegerField()),
                ('patient_fen', models.BigIntegerField()),
                ('claim', models.JSONField(help_text='the claim as docs/settle.md describes it')),
                ('result', models.JSONField(help_text='the settlement as docs/settle.md describes it')),
                ('digest', models.CharField(help_text='of the policies that it was settled by', max_length=16)),
                ('recorded_at', models.DateTimeField(help_text='what was known at this instant decided')),
                ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='staff.institution')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='settlements', to='people.person')),
                ('recorded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['person', 'identity_on'], name='settlement_person'), models.Index(fields=['area_path', '-id'], name='settlement_area')],
                'constraints': [models.UniqueConstraint(fields=('institution', 'claim_number'), name='one_settlement_a_claim'), models.CheckConstraint(condition=models.Q(('total_fen', django.db.models.expressions.CombinedExpression(models.F('paid_fen'), '+', models.F('patient_fen')))), name='parts_sum_to_bill'), models.CheckConstraint(condition=models.Q(('paid_fen__gte', 0), ('patient_fen__gte', 0)), name='no_negative_part')],
            },
        ),
    ]
