from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("task_management", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="checklist",
            field=models.JSONField(
                blank=True, default=list, help_text="A list of {“text”, “done”}.", verbose_name="checklist"
            ),
        ),
    ]
