"""A SpoolStore in memory that survives the printer object, and can fail at a chosen step as a crash would."""

from collections.abc import Sequence

from pos.device_ports import JobState


class CrashError(Exception):
    """The process ended here."""


class MemorySpool:
    """`crash_at`: the number of the write (from 1) that still happens and is the last one."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[JobState, bytes, bytes]] = {}
        self.log: list[tuple[str, JobState]] = []
        self.writes = 0
        self.crash_after: int | None = None

    async def put(self, job_id: str, payload: bytes, info: bytes) -> None:
        self._before()
        state = self.rows[job_id][0] if job_id in self.rows else JobState.QUEUED
        self.rows[job_id] = (state, payload, info)

    async def set_state(self, job_id: str, state: JobState) -> None:
        self._before()
        _, payload, info = self.rows[job_id]
        self.rows[job_id] = (state, payload, info)
        self.log.append((job_id, state))

    async def pending(self) -> Sequence[tuple[str, JobState, bytes, bytes]]:
        done = (JobState.CONFIRMED, JobState.DROPPED)
        return [(job_id, *row) for job_id, row in self.rows.items() if row[0] not in done]

    def state(self, job_id: str) -> JobState:
        return self.rows[job_id][0]

    def _before(self) -> None:
        if self.crash_after is not None and self.writes >= self.crash_after:
            raise CrashError
        self.writes += 1
