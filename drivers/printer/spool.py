"""One receipt's way to paper, as the printer's driver keeps it: in memory and, first, in the spool store."""

import msgspec

from pos.device_ports import JobState, PrintJob, SpoolStore

__all__ = ["Job", "Spool", "SpoolInfo"]

UNVERIFIED_KEPT = 50


class SpoolInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept beside a job's bytes. `verifies`: the printer will say when it is out."""

    job: PrintJob
    printer: str
    verifies: bool = True


class Job:
    """A job and where it stands. `held`: a decision is being carried out, nobody may start it."""

    def __init__(self, info: SpoolInfo, payload: bytes, state: JobState) -> None:
        self.info = info
        self.payload = payload
        self.state = state
        self.held = False

    @property
    def job_id(self) -> str:
        return self.info.job.job_id

    @property
    def decidable(self) -> bool:
        """Someone may decide about it: it waits, it is unknown, or nobody will ever know."""
        final = self.state is JobState.SENT and not self.info.verifies
        return self.state in (JobState.QUEUED, JobState.UNKNOWN) or final


class Spool:
    """The jobs of one printer, oldest first. Memory changes at once, the store before any byte leaves."""

    def __init__(self, store: SpoolStore, printer: str) -> None:
        self._store = store
        self._printer = printer
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, JobState] = {}

    async def load(self) -> list[Job]:
        """Take over what an earlier run left; returns the jobs that somebody must be asked about.

        A job that was on its way then may or may not have come out. One that a silent printer took
        stays as it was: nobody is asked, and it is forgotten.
        """
        for job_id, state, payload, raw in await self._store.pending():
            try:
                info = msgspec.json.decode(raw, type=SpoolInfo)
            except msgspec.MsgspecError:
                continue  # not of this driver
            if info.printer != self._printer or job_id in self._jobs:
                continue
            if state is JobState.SENT and not info.verifies:
                await self._store.set_state(job_id, JobState.DROPPED)
                continue
            job = self._jobs[job_id] = Job(info, payload, state)
            if state in (JobState.SENDING, JobState.SENT):
                await self.set(job, JobState.UNKNOWN)
        return [job for job in self._jobs.values() if job.state is JobState.UNKNOWN]

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def fate(self, job_id: str) -> JobState | None:
        """How a job of this run stands or ended."""
        job = self._jobs.get(job_id)
        return job.state if job is not None else self._ended.get(job_id)

    def next(self) -> Job | None:
        """The oldest job that may be sent."""
        return next(
            (job for job in self._jobs.values() if job.state is JobState.QUEUED and not job.held), None
        )

    async def add(self, info: SpoolInfo, payload: bytes) -> Job:
        """Save a new job; it can be sent from then on."""
        await self._store.put(info.job.job_id, payload, msgspec.json.encode(info))
        return self.adopt(info, payload)

    def adopt(self, info: SpoolInfo, payload: bytes) -> Job:
        """A job that the store already holds as queued."""
        job = self._jobs[info.job.job_id] = Job(info, payload, JobState.QUEUED)
        return job

    async def rewrite(self, job: Job, info: SpoolInfo, payload: bytes) -> None:
        """Other bytes under the same id; the stored state stays."""
        await self._store.put(job.job_id, payload, msgspec.json.encode(info))
        job.info, job.payload = info, payload

    async def set(self, job: Job, state: JobState) -> None:
        """In memory first, so that nobody else starts it meanwhile; put back if the store refuses."""
        before, job.state = job.state, state
        try:
            await self._store.set_state(job.job_id, state)
        except Exception:
            job.state = before
            raise
        if state in (JobState.CONFIRMED, JobState.DROPPED):
            self.forget(job)
        elif state is JobState.SENT and not job.info.verifies:
            await self._thin()

    def forget(self, job: Job) -> None:
        self._jobs.pop(job.job_id, None)
        self._ended[job.job_id] = job.state
        while len(self._ended) > 4 * UNVERIFIED_KEPT:
            self._ended.pop(next(iter(self._ended)))

    async def _thin(self) -> None:
        """A silent printer's jobs never end by themselves; keep the newest."""
        silent = [job for job in self._jobs.values() if job.decidable and job.state is JobState.SENT]
        for job in silent[:-UNVERIFIED_KEPT]:
            await self.set(job, JobState.DROPPED)
