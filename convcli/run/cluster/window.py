"""Sends items to the workers of a cluster, a few for each at a time, and gives their results.

Nothing is kept of what is done and nothing is made of what is to come, so that a million items take
no more memory, here or in the scheduler, than a thousand.
"""

import itertools
import math
import pickle
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from queue import Empty, SimpleQueue
from statistics import median
from typing import Any

from convcli.errors import ConvcliError, counted, reason
from convcli.run.cluster.worker import DoneItems, ItemError, Shared, do_items

_EACH = 2  # groups on their way for each thread of a worker: one is done, and the next is there
# Neighbours go together, as what one reads is kept for the next; and each group takes the scheduler
# some milliseconds.
_LEAST_SECONDS = 0.5
_SHORT = 0.02  # seconds, which a group takes even at the end
_FIRST = 4  # items in a group, while it is not known what they take
_FOR_EACH_THREAD = 0.005  # more of it for each thread of the cluster: one scheduler serves all
_MOST = 1000  # items in a group
_TICK = 0.5  # seconds
_RECENT = 64  # groups of which times are kept


class Limits:
    """How long to wait, in seconds; tests wait less.

    Attributes
    ----------
    late : float
        A group is not late before.
    factor : float
        It is late after this many times what the others took.
    alone : float
        Until a cluster without workers is given up.
    """

    late = 15.0
    factor = 8.0
    alone = 60.0


class _Group:
    """Items that go to a worker together."""

    def __init__(self, items: Sequence[Any], suspect: bool = False) -> None:
        self.items = items
        self.suspect = suspect  # an item on its way by itself
        self.sent = time.monotonic()
        self.futures: list[Any] = []  # of distributed
        self.patience = 1.0  # doubled each time it is sent again


class Window:
    """The groups on their way; used once."""

    def __init__(
        self, client: Any, shared: Shared, name: Any, limits: type[Limits] = Limits
    ) -> None:
        """Take a client, what all items share, and ``name(item)``, which errors use."""
        self._client = client
        self._token = shared.token
        self._name = name
        self._limits = limits
        self._shared = pickle.dumps(shared)
        self._groups: dict[Any, _Group] = {}  # by key; one of several keys may be there already
        self._count = 0  # groups
        self._suspects: deque[Any] = deque()  # items of groups that no worker survived
        self._numbers = itertools.count()
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._threads, self._looked = 0, -math.inf
        self._seen = time.monotonic()  # when there was a worker
        self._times: deque[float] = deque(maxlen=_RECENT)  # from sending to the end
        self._costs: deque[float] = deque(maxlen=_RECENT)  # of an item

    def run(self, items: Iterable[Any], count: int) -> Generator[Any, None, None]:
        """Give the results of items as they come; `count` says how many there are.

        Raises
        ------
        ConvcliError
            An item failed, or the cluster is gone.
        """
        left, waiting = count, iter(items)
        try:
            while left or self._count or self._suspects:
                self._look()
                while left and not self._suspects and self._count < self._most():
                    group = list(islice(waiting, self._size(left)))
                    left = left - len(group) if group else 0
                    if group:
                        self._count += 1
                        self._send(_Group(group))
                if self._suspects and not self._count:  # or else others would be blamed as well
                    self._count += 1
                    self._send(_Group([self._suspects.popleft()], suspect=True))
                for results in self._collect():
                    yield from results
        finally:
            self._drop()

    def _most(self) -> int:
        return max(_EACH * self._threads, 1)

    def _size(self, left: int) -> int:
        """Choose how many items go together, so that the scheduler has time for all workers."""
        share = -(-left // (2 * max(self._threads, 1)))  # near the end all have some
        if not self._costs:
            return min(_FIRST, share)
        each = max(median(self._costs), 1e-6)
        share = max(share, int(_SHORT / each))
        wanted = max(_LEAST_SECONDS, _FOR_EACH_THREAD * self._threads)
        return max(1, min(int(wanted / each), _MOST, share))

    def _send(
        self, group: _Group, workers: list[str] | None = None, shared: bytes | None = None
    ) -> None:
        future = self._client.submit(
            do_items,
            self._token,
            pickle.dumps(group.items),
            shared,
            key=(f"convcli-{self._token}", next(self._numbers)),
            pure=False,
            workers=workers,
        )
        group.sent = time.monotonic()
        group.futures.append(future)
        self._groups[future.key] = group
        future.add_done_callback(self._done.put)

    def _collect(self) -> Iterator[list[Any]]:
        """Wait for groups that are done, and take their results."""
        try:
            ready = [self._done.get(timeout=_TICK)]
        except Empty:
            self._check_alive()
            self._send_late_ones_again()
            return
        while not self._done.empty():
            ready.append(self._done.get())
        ready = [future for future in ready if future.key in self._groups]
        good = [future for future in ready if future.status == "finished"]
        for future in ready:
            if future.key not in self._groups:  # forgotten with another future of its group
                continue
            if future.status in ("lost", "pending"):  # with its worker: it is made again
                future.add_done_callback(self._done.put)
            elif future.status != "finished" and not self._doubt(future):
                raise self._failure(future)
        for future, made in zip(good, self._gather(good), strict=True):
            group = self._groups.get(future.key)
            if group is None:  # the same items were done elsewhere
                continue
            if made is None:  # its worker does not answer
                self._send_elsewhere(group)
                continue
            if made.results is None:  # its worker came later than the others
                del self._groups[future.key]
                group.futures.remove(future)
                self._send(group, shared=self._shared)
                continue
            self._times.append(time.monotonic() - group.sent)
            self._costs.append(made.seconds / len(group.items))
            self._forget(group)
            yield made.results

    def _gather(self, futures: list[Any]) -> list[DoneItems | None]:
        """Fetch results; None of those that do not come."""
        client, wait = self._client, self._limits.late

        async def fetch(some: list[Any]) -> Any:
            return await client.gather(some, asynchronous=True)

        if not futures:
            return []
        try:
            return list(client.sync(fetch, futures, callback_timeout=wait))
        except TimeoutError:
            pass
        except Exception:  # one of them; which one is found below
            self._check_alive()
        found: list[DoneItems | None] = []
        for future in futures:
            try:
                found += client.sync(fetch, [future], callback_timeout=2)
            except TimeoutError:
                found.append(None)
            except Exception:
                if future.status in ("error", "cancelled"):
                    raise self._failure(future) from None
                found.append(None)
        return found

    def _doubt(self, future: Any) -> bool:
        """Take the items of a group that no worker survived for suspects, if they are not yet.

        Any that was on such a worker may be to blame. Each goes by itself, with nothing else on
        its way.
        """
        group = self._groups[future.key]
        if future.status != "error" or group.suspect:
            return False
        if type(future.exception(timeout=self._limits.late)).__name__ != "KilledWorker":
            return False
        self._forget(group)
        self._suspects += group.items
        return True

    def _forget(self, group: _Group) -> None:
        for each in group.futures:
            self._groups.pop(each.key, None)
            each.release()
        self._count -= 1

    def _failure(self, future: Any) -> Exception:
        """Make the error of a group: what was raised, or which items no worker survived."""
        if future.status == "cancelled" or self._client.status != "running":
            return self._gone()
        error = future.exception(timeout=self._limits.late)
        if isinstance(error, ConvcliError):
            return error
        items = self._groups[future.key].items
        if isinstance(error, ItemError):
            index, said = error.args
            return ConvcliError(f"{self._name(items[index])} failed on a worker ({said})")
        where = self._name(items[0])
        if type(error).__name__ == "KilledWorker":
            return ConvcliError(
                f"{where} ended every worker that took it, out of memory or killed; lower "
                f"--memory, give workers more memory, or use fewer; then add --resume"
            )
        return ConvcliError(f"{where} failed on a worker ({reason(error)})")

    def _look(self) -> None:
        """Count the threads of the cluster, which may grow and shrink."""
        now = time.monotonic()
        if now - self._looked < 4 * _TICK and self._threads:
            return
        self._check_alive()
        self._threads = sum(self._workers().values())
        self._looked = now
        if self._threads:
            self._seen = now
        elif now - self._seen > self._limits.alone:
            raise ConvcliError(
                f"the cluster at {self._client.scheduler.address} has no workers any more; start "
                f"some, and add --resume"
            )

    def _workers(self) -> dict[str, int]:
        try:
            return dict(self._client.nthreads())
        except OSError:
            raise self._gone() from None

    def _check_alive(self) -> None:
        if self._client.status != "running":
            raise self._gone()

    def _gone(self) -> ConvcliError:
        return ConvcliError(
            f"the scheduler at {self._client.scheduler.address} is gone; start it again, and add "
            f"--resume"
        )

    def _send_late_ones_again(self) -> None:
        """Do elsewhere what takes far longer than the others: its worker may be frozen."""
        usual = median(self._times) if self._times else self._limits.late
        limit = max(self._limits.late, self._limits.factor * usual)
        now = time.monotonic()
        for group in {id(group): group for group in self._groups.values()}.values():
            if now - group.sent > limit * group.patience:
                self._send_elsewhere(group)

    def _send_elsewhere(self, group: _Group) -> None:
        keys = {future.key for future in group.futures}
        try:
            holding = {
                worker
                for workers in self._client.who_has(group.futures).values()
                for worker in workers
            }
            running = {
                worker for worker, tasks in self._client.processing().items() if keys & set(tasks)
            }
        except OSError:
            raise self._gone() from None
        others = sorted(set(self._workers()) - holding - running)
        group.patience *= 2
        group.sent = time.monotonic()
        if others and (holding or running):  # or else it waits for its turn
            self._send(group, others)

    def _drop(self) -> None:
        """Forget all that is on its way."""
        futures = [future for group in self._groups.values() for future in group.futures]
        self._groups.clear()
        if self._client.status == "running" and futures:
            try:
                self._client.cancel(futures, force=True)
            except (OSError, TimeoutError):
                return
        for future in futures:
            future.release()


def cluster_text(client: Any) -> str:
    """Say of a cluster what a report does: its size, and where it can be watched."""
    info = client.scheduler_info()
    text = f"{counted(len(client.nthreads()), 'worker')} of {client.scheduler.address}"
    # Without its library a dashboard is a page that says so.
    if "dashboard" in (info.get("services") or {}) and find_spec("bokeh") is not None:
        text += f", watched at {client.dashboard_link}"
    return text
