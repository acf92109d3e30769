"""Files that staff gave us, and what became of each row."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Cause, Fleet, User
from file_manager.querysets import OfUploadQuerySet, UploadQuerySet


class Upload(models.Model):
    class Kind(models.TextChoices):
        AUTO = "auto", _("whatever it is")
        VEHICLES = "vehicles", _("vehicles")
        CUSTOMERS = "customers", _("customers")
        STATUSES = "statuses", _("statuses")
        TASKS = "tasks", _("tasks")

    class Status(models.TextChoices):
        UPLOADED = "UPLOADED", _("uploaded")
        READING = "READING", _("reading")
        REVIEW = "REVIEW", _("waits for review")
        APPLYING = "APPLYING", _("applying")
        APPLIED = "APPLIED", _("applied")
        FAILED = "FAILED", _("failed")
        REVERTED = "REVERTED", _("reverted")

    name = models.CharField(_("file name"), max_length=255)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.AUTO)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.UPLOADED)
    fleet = models.ForeignKey(
        Fleet, null=True, on_delete=models.PROTECT, related_name="uploads", verbose_name=_("fleet")
    )
    by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="uploads", verbose_name=_("uploaded by")
    )
    by_key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="uploads")
    cause = models.ForeignKey(Cause, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    stored_as = models.CharField(max_length=300)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    apply = models.BooleanField(default=True, help_text=_("Apply without asking where nothing is unclear."))
    dialect = models.JSONField(
        default=dict, help_text=_("How it was read: format, encoding, delimiter, header.")
    )
    columns = models.JSONField(
        default=list,
        help_text=_("[{header, samples, field, how}] in the file's order: what each column became."),
    )
    mapping = models.JSONField(default=dict, help_text=_("What the person chose: {header: field or null}."))
    rows_total = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    rows_created = models.PositiveIntegerField(default=0)
    rows_updated = models.PositiveIntegerField(default=0)
    rows_unchanged = models.PositiveIntegerField(default=0)
    rows_repeated = models.PositiveIntegerField(default=0)
    rows_failed = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text=_("How often a worker took it up."))
    breaks = models.PositiveIntegerField(
        default=0, help_text=_("How often in a row it stopped on an error that nobody foresaw.")
    )
    rests_until = models.DateTimeField(
        null=True, help_text=_("After such an error it is taken up no sooner.")
    )
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(UploadQuerySet)()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("id",),
                name="upload_unfinished",
                condition=Q(status__in=("UPLOADED", "READING", "APPLYING")),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_resting(self) -> bool:
        return self.status not in ("UPLOADED", "READING", "APPLYING")


class UploadChunk(models.Model):
    """A chunk is done: written in the chunk's own transaction, with the outcome of each of its rows.

    ``outcomes`` holds a letter per row of ``rows``: c created, u updated, = unchanged, r repeated, f failed.
    ``object_ids`` holds the primary key that each row became, or 0.
    """

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    first_seq = models.PositiveIntegerField()
    last_seq = models.PositiveIntegerField()
    rows = ArrayField(models.IntegerField())
    outcomes = models.TextField()
    object_ids = ArrayField(models.BigIntegerField())
    done_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager.from_queryset(OfUploadQuerySet)()

    class Meta:
        ordering = ("upload", "first_seq")
        constraints = (
            models.UniqueConstraint(fields=("upload", "first_seq"), name="upload_chunk_is_unique"),
        )

    def __str__(self) -> str:
        return f"rows {self.first_seq} to {self.last_seq} of upload {self.upload_id}"


class UploadChange(models.Model):
    """What an updated row changed: ``changes`` maps a field to ``[before, after]``."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="changes", db_index=False)
    row = models.PositiveIntegerField()
    object_id = models.BigIntegerField()
    changes = models.JSONField()

    objects = models.Manager.from_queryset(OfUploadQuerySet)()

    class Meta:
        ordering = ("upload", "row")
        constraints = (models.UniqueConstraint(fields=("upload", "row"), name="upload_change_is_unique"),)

    def __str__(self) -> str:
        return f"row {self.row} of upload {self.upload_id}"


class UploadFault(models.Model):
    """What was wrong. ``FAULT`` keeps the row out, ``NOTICE`` only tells; row 0 is the file itself."""

    class Level(models.TextChoices):
        FAULT = "FAULT", _("fault")
        NOTICE = "NOTICE", _("notice")

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="faults", db_index=False)
    level = models.CharField(max_length=6, choices=Level, default=Level.FAULT)
    row = models.PositiveIntegerField()
    column = models.TextField(blank=True, default="")
    value = models.TextField(blank=True, default="")
    code = models.CharField(max_length=40)
    message = models.TextField()

    objects = models.Manager.from_queryset(OfUploadQuerySet)()

    class Meta:
        ordering = ("upload", "row", "id")
        indexes = (
            models.Index(fields=("upload", "row"), name="upload_fault_row"),
            models.Index(fields=("upload", "code", "column"), name="upload_fault_group"),
        )

    def __str__(self) -> str:
        return f"row {self.row}: {self.message}"


class UploadFaultGroup(models.Model):
    """Faults counted by column and kind, kept beside the rows so that a page needs no count of a million."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="fault_groups", db_index=False)
    level = models.CharField(max_length=6, choices=UploadFault.Level, default=UploadFault.Level.FAULT)
    column = models.TextField(blank=True, default="")
    code = models.CharField(max_length=40)
    message = models.TextField()
    count = models.PositiveIntegerField(default=0)

    objects = models.Manager.from_queryset(OfUploadQuerySet)()

    class Meta:
        ordering = ("upload", "level", "-count")
        constraints = (
            models.UniqueConstraint(
                fields=("upload", "level", "column", "code"), name="upload_fault_group_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.count} × {self.message}"


class MappingProfile(models.Model):
    """What a person chose for files with these headers; offered again for the next such file."""

    fleet = models.ForeignKey(Fleet, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Upload.Kind)
    signature = models.CharField(max_length=64, help_text=_("SHA-256 of the headers."))
    mapping = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("fleet", "kind", "signature"), name="mapping_profile_is_unique", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.signature[:8]}"
