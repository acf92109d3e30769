from django.apps import AppConfig


class FeedProcessorConfig(AppConfig):
    name = "feed_processor"
    verbose_name = "Feeds"
