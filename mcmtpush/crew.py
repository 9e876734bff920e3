"""The lives of workers: started, replaced, watched, stopped, killed.

When a worker may live is `mcmtpush.supervisor`'s affair.  Part of the composition root.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mcmtpush.inheritance import Inheritance
from mcmtpush.intercom import Order, Stop
from mcmtpush.post import Child, Post
from mcmtpush.revision import Revision
from mcmtpush.shared.ledger import Ledger
from mcmtpush.shared.roster import forget
from mcmtpush.supervisor import Action, Event, State


LAST_SECONDS: Final = 10.0
"""What a worker that is to hurry gets before it is killed."""

LOOK_SECONDS: Final = 5.0
"""Between two looks at whether workers say anything; as often they tell counters."""

SILENT_LOOKS: Final = 6
"""Who said nothing for so many hangs.

Looks are counted and not seconds, of which a machine that slept has many at once."""

FORGET_SECONDS: Final = 1.0
"""Until it is said again that a worker has nothing, when that could not be noted."""

log = Logger()


@define(eq=False, kw_only=True)
class Crew:
    """All workers, over all their processes.

    Attributes:
        inherited: what each begins with.
        revision: the configuration that each is given.
        heard: told of each word that a worker says.
        fail: told why the program ends, when it ends because a worker cannot start.
        less: called when one more is over.
        ledger: what limits are counted in; set before the first is spawned.
        leaving: whether no worker is replaced any more.
    """

    reactor: Any
    inherited: Inheritance
    revision: Revision
    heard: Callable[[Post, Any], None]
    fail: Callable[[str], None]
    less: Callable[[], None]
    ledger: Ledger = field(init=False)
    leaving: bool = field(default=False, init=False)
    posts: list[Post] = field(factory=list, init=False)
    _ended_counts: Counter[str] = field(factory=Counter, init=False)
    _path: str = field(init=False)
    _looking: LoopingCall = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._looking = LoopingCall(self.look)
        self._looking.clock = self.reactor
        self._path = os.pathsep.join(os.path.abspath(each) for each in sys.path)  # noqa: PTH100 - text

    # -- for all of them ------------------------------------------------------------

    def spawn(self) -> None:
        """Start a process for each."""
        for post in self.posts:
            self._spawn(post)
        self._looking.start(LOOK_SECONDS, now=False)

    def look(self) -> None:
        """Whether everybody still says something, as who is at work does."""
        for post in self.posts:
            if post.life.state in {State.READY, State.STOPPING}:
                post.silence += 1
                self._notice(post)

    def stop(self) -> None:
        """Have all drained; the second time, in a hurry."""
        for post in self.posts:
            self.feel(post, Event.STOP)

    def awaited(self) -> set[int]:
        """The numbers of those that are not over."""
        posts = (post for post in self.posts if post.life.state is not State.OVER)
        return {post.number for post in posts}

    def tell(self, order: Order) -> None:
        """Say it to everybody who listens."""
        for post in self.posts:
            post.tell(order)

    def tell_ready(self, number: int, order: Order) -> None:
        """Say it to this one, if it is at work."""
        for post in self.posts:
            if post.number == number and post.life.state is State.READY:
                post.tell(order)

    def totals(self) -> dict[str, int]:
        """Counters of all processes that there are and were, by name in order."""
        counts = self._ended_counts.copy()
        for post in self.posts:
            counts.update(post.counts)
        return dict(sorted(counts.items()))

    def unlock(self) -> None:
        """Let go of all spools."""
        for post in self.posts:
            post.lock.close()

    # -- one of them ----------------------------------------------------------------

    def feel(self, post: Post, event: Event) -> None:
        """This happened to one; do what is to be done."""
        self._act(post, post.life.feel(event))

    def _spawn(self, post: Post) -> None:
        post.finished, post.reason, post.counts = False, None, Counter()
        post.silence, post.hangs = 0, False
        post.spawned_at = self.reactor.seconds()
        child = Child(post, self.heard, self._ended)
        null = os.open(os.devnull, os.O_RDWR)
        try:
            post.process = self.reactor.spawnProcess(
                child,
                sys.executable,
                [sys.executable, "-P", "-m", "mcmtpush.worker", str(post.number)],
                env={**os.environ, "PYTHONPATH": self._path},
                childFDs=self.inherited.descriptors(post, null),
            )
        except OSError as error:
            self._ended(post, f"cannot start a process: {error}")
            return
        finally:
            os.close(null)
        started, latest = self.revision.started, self.revision.latest
        post.tell(self.inherited.first_word(post, len(self.posts), started, latest))

    def _notice(self, post: Post) -> None:
        """One that hangs is told of; once it is to end, nobody waits for it."""
        silent = post.silence >= SILENT_LOOKS
        if silent and post.life.state is State.STOPPING:
            _kill(post)
        elif silent and not post.hangs:
            log.error(
                "worker {number} says nothing for {seconds:.0f} s: it hangs, in a "
                "script of policy or on its disk, and its messages wait; SIGKILL to "
                "process {pid} has it replaced",
                number=post.number,
                seconds=LOOK_SECONDS * SILENT_LOOKS,
                pid=post.process.pid,
            )
        elif post.hangs and not silent:
            log.info("worker {number} is back", number=post.number)
        post.hangs = silent

    def _ended(self, post: Post, how: str) -> None:
        lived = self.reactor.seconds() - post.spawned_at
        post.process = None
        if not post.drains:
            self.inherited.board.clear(post.number - 1)
        self._forget(post)
        self._ended_counts.update(post.counts)
        post.counts = Counter()
        _cancel_timer(post)
        event = Event.FINISHED if post.finished else Event.DIED
        action = post.life.feel(event, lived)
        if action is Action.REST:
            log.error(
                "worker {number} has ended: {how}; another one starts in {rest} s",
                number=post.number,
                how=post.reason or how,
                rest=post.life.rest_seconds,
            )
        elif action is Action.GIVE_UP:
            post.reason = post.reason or f"worker {post.number} has ended: {how}"
        self._act(post, action)

    def _forget(self, post: Post) -> None:
        """Its connections are gone; another life begins with none."""
        if post.process is not None or forget(self.ledger, post.number):
            return
        if not self.leaving:
            self.reactor.callLater(FORGET_SECONDS, self._forget, post)

    def _act(self, post: Post, action: Action | None) -> None:
        match action:
            case Action.SPAWN:
                self._spawn(post)
            case Action.REST:
                post.timer = self.reactor.callLater(
                    post.life.rest_seconds, self._rested, post
                )
            case Action.STOP if post.process is None:
                self.feel(post, Event.DIED)
            case Action.STOP:
                post.tell(Stop(False))
            case Action.HURRY:
                self._hurry(post)
            case Action.GIVE_UP:
                self._give_up(post)
            case Action.BURY:
                self._bury(post)

    def _rested(self, post: Post) -> None:
        post.timer = None
        self.feel(post, Event.RESTED)

    def _hurry(self, post: Post) -> None:
        post.tell(Stop(True))
        if post.timer is None:
            post.timer = self.reactor.callLater(LAST_SECONDS, _kill, post)

    def _give_up(self, post: Post) -> None:
        """The program cannot start."""
        log.critical("not started: {error}", error=post.reason)
        self.fail(post.reason or "")
        self.less()

    def _bury(self, post: Post) -> None:
        _cancel_timer(post)
        if not self.leaving:
            log.info("worker {number} has nothing left to do", number=post.number)
        if not self.awaited() and self._looking.running:
            self._looking.stop()
        self.less()


def _cancel_timer(post: Post) -> None:
    if post.timer is not None:
        post.timer.cancel()
        post.timer = None


def _kill(post: Post) -> None:
    post.timer = None
    if post.process is not None:
        log.error("worker {number} does not end: killed", number=post.number)
        post.process.signalProcess("KILL")
