"""What a Celery worker does for an upload, in a process of its own that tells its time and peak memory."""

import json
import resource
import time

from benchmarks import setting


def main() -> None:
    setting.prepare_django()
    from file_manager.tasks import work_uploads

    started = time.perf_counter()
    work_uploads()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
