#!/usr/bin/env python3
"""Measures `forum` side by side with what people would do with Git alone. See README.md beside this file."""
import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import registry  # noqa: E402
from server import Server  # noqa: E402

ONE, OTHER = registry.id_of(1234), registry.id_of(1235)
LIBRARY = registry.id_of(1230)  # what both need
#: Runs a command and prints the most memory that it or a child of it had, in KiB. A process of its own, because
#: Linux counts the memory of the process that forked.
PEAK = (
    "import os, sys\npid = os.fork()\nif pid == 0:\n    null = os.open(os.devnull, os.O_RDWR)\n    os.dup2(null, 1)\n    os.dup2(null, 2)\n"
    "    os.execvp(sys.argv[1], sys.argv[1:])\n_, status, usage = os.wait4(pid, 0)\nprint(usage.ru_maxrss)\nsys.exit(status != 0)\n"
)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """The programs, the server, and a directory in which each run finds fresh places."""

    def __init__(self, forum, server, folder, repetitions):
        self.forum, self.server, self.folder, self.repetitions = forum, server, folder, repetitions
        self.url = f"{server.url}/kommun.git"
        self.environment = registry.git_environment()
        self.environment["HOME"] = str(folder)
        self._places = 0

    def place(self):
        """A directory that nothing has used."""
        self._places += 1
        path = self.folder / f"place-{self._places}"
        path.mkdir()
        return path

    def run(self, *command, cwd=None, environment=None):
        """Runs a command that must succeed."""
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd, env=environment or self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr.decode(errors='replace')}")

    def settled(self, work):
        """As `timed`, once the disk has what earlier work left: a clone of 24,000 files is not to be paid by the next."""
        os.sync()
        return self.timed(work)

    def timed(self, work):
        """Seconds, bytes on the wire, and POSTs (of a push: those before it) of one piece of work."""
        self.server.counts.reset()
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        counts = self.server.counts
        return Sample(seconds, counts.bytes, counts.down, counts.posts, counts.requests)

    def peak(self, command, environment):
        """The most memory of one run of a command, in MB."""
        words = [sys.executable, "-S", "-E", "-c", PEAK, *map(str, command)]
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))} failed")
        return int(done.stdout) / 1024 * 1.048576


class Sample:
    def __init__(self, seconds, size, down, posts, requests):
        self.seconds, self.bytes, self.down, self.posts, self.requests = seconds, size, down, posts, requests


class Machine:
    """A machine that has never seen the registry, or that has: cache, state and workspace of `forum`."""

    def __init__(self, bench):
        self.bench, self.folder = bench, bench.place()
        self.environment = dict(
            bench.environment, FORUM_CACHE_DIR=f"{self.folder}/cache", FORUM_STATE_DIR=f"{self.folder}/state",
            FORUM_CONFIG_DIR=f"{self.folder}/config", FORUM_REGISTRY=bench.url,
        )
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir()

    def command(self, *arguments):
        return [self.bench.forum, "-C", self.workspace, *arguments]

    def forum(self, *arguments):
        self.bench.run(*self.command(*arguments), environment=self.environment)

    def peak(self, *arguments):
        return self.bench.peak(self.command(*arguments), self.environment)

    def require(self, component):
        """That the files are there: a fast command that does nothing is no result."""
        files = [path for path in (self.workspace / "components" / component).rglob("*") if path.is_file()]
        if len(files) != 12:
            raise SystemExit(f"{component}: {len(files)} files came, not 12")

    def drop(self):
        shutil.rmtree(self.folder)


# ------------------------------------------------------------------ the ways that are compared


def plain_clone(bench):
    """The newest state of everything, of which two directories are copied."""
    place = bench.place()

    def work():
        bench.run("git", "clone", "--quiet", "--depth", "1", bench.url, place / "clone")
        copy(place)

    return place, work


def sparse_clone(bench):
    """The leanest that Git itself offers: trees without contents, then the two directories."""
    place = bench.place()
    clone = place / "clone"

    def work():
        bench.run("git", "clone", "--quiet", "--depth", "1", "--filter=blob:none", "--no-checkout", bench.url, clone)
        bench.run("git", "sparse-checkout", "set", f"components/{ONE}", f"components/{LIBRARY}", cwd=clone)
        bench.run("git", "checkout", "--quiet", "main", cwd=clone)
        copy(place)

    return place, work


def copy(place):
    for component in (ONE, LIBRARY):
        shutil.copytree(place / "clone" / "components" / component, place / "workspace" / "components" / component)


def ls_remote(bench):
    return bench.timed(lambda: bench.run("git", "ls-remote", bench.url, "refs/heads/main"))


def git_version(bench):
    return bench.timed(lambda: bench.run("git", "--version"))


# ------------------------------------------------------------------ what is measured


class Table:
    """Rows of what was measured, the goal, and whether it holds."""

    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, value, goal, shown, unit=""):
        holds = value <= goal
        self.missed += not holds
        self.rows.append((what, shown, f"≤ {goal:g}{unit}", "held" if holds else "**not held**"))

    def add_at_least(self, what, value, goal, shown, unit):
        self.missed += value < goal
        self.rows.append((what, shown, f"≥ {goal:g}{unit}", "held" if value >= goal else "**not held**"))

    def ratio(self, what, ours, theirs, goal):
        """The median of the ratios, each of two runs that stood next to each other."""
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(ours, theirs))
        self.add(what, ratio, goal, f"{ratio:.2f} ({milliseconds(ours)} / {milliseconds(theirs)})")

    def size(self, what, samples, goal, scale, unit):
        value = statistics.median(sample.bytes for sample in samples) / scale
        self.add(what, value, goal, f"{value:.3g} {unit}", f" {unit}")

    def posts(self, what, samples, goal):
        value = max(sample.posts for sample in samples)
        self.add(what, value, goal, str(value))

    def left_out(self, what, why):
        self.rows.append((what, why, "", "not measured"))

    def text(self):
        lines = ["| what | measured | goal | |", "|---|---|---|---|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in self.rows])


def milliseconds(samples):
    return f"{statistics.median(sample.seconds for sample in samples) * 1000:.0f} ms"


def cold(bench, table, delay, goal):
    """The first fetch on a machine against both clones."""
    bench.server.delay = delay
    fetches, clones, sparse = [], [], []
    for _ in range(bench.repetitions):
        machine = Machine(bench)
        fetches.append(bench.settled(lambda: machine.forum("fetch", ONE)))
        machine.require(ONE)
        machine.require(LIBRARY)
        machine.drop()
        for samples, way in ((clones, plain_clone), (sparse, sparse_clone)):
            place, work = way(bench)
            samples.append(bench.settled(work))
            shutil.rmtree(place)
    bench.server.delay = 0.0
    at = f", {delay * 1000:.0f} ms a request" if delay else ""
    table.ratio(f"cold fetch / `git clone --depth 1` and copy{at}", fetches, clones, goal)
    if not delay:
        table.ratio("cold fetch / sparse blobless clone and copy", fetches, sparse, 0.8)
        table.size("cold fetch, bytes on the wire", fetches, 1.1, 1e6, "MB")
        table.posts("cold fetch, POSTs", fetches, 4)


def warm(bench, table):
    """What a machine does that knows the registry."""
    again, remotes, more = [], [], []
    for _ in range(bench.repetitions):
        machine = Machine(bench)
        machine.forum("fetch", ONE)
        # The first refresh brings the index, with which search works offline.
        machine.forum("registry", "refresh")
        again.append(bench.timed(lambda: machine.forum("registry", "refresh")))
        remotes.append(ls_remote(bench))
        more.append(bench.settled(lambda: machine.forum("fetch", OTHER)))
        machine.require(OTHER)
        machine.drop()
    table.ratio("refresh with nothing new / `git ls-remote`", again, remotes, 1.5)
    table.size("one more component on a warm index, bytes on the wire", more, 30, 1e3, "kB")
    table.ratio("one more component on a warm index / `git ls-remote`", more, remotes, 3)


def ten_more(bench, table, repository):
    samples = []
    machine = Machine(bench)
    machine.forum("fetch", ONE)
    machine.forum("registry", "refresh")
    for turn in range(bench.repetitions):
        registry.publish_ten(repository, turn)
        samples.append(bench.timed(lambda: machine.forum("registry", "refresh")))
    machine.drop()
    table.size("refresh after ten new versions, bytes on the wire", samples, 40, 1e3, "kB")
    table.posts("refresh after ten new versions, POSTs", samples, 4)


def local(bench, table):
    """What needs no server."""
    machine = Machine(bench)
    machine.forum("fetch", ONE)
    quick = bench.repetitions * 4
    pairs = [(bench.timed(lambda: machine.forum("fetch", "--locked")), git_version(bench)) for _ in range(quick)]
    locked, versions = zip(*pairs)
    table.ratio("`fetch --locked` with everything there / `git --version`", locked, versions, 6)
    requests = max(sample.requests for sample in locked)
    table.add("`fetch --locked` with everything there, requests", requests, 0, str(requests))
    what = "warm `search` / `git --version`"
    if not has_search(bench):
        table.left_out(what, "this `forum` has no `search`")
    else:
        machine.forum("search", "elev")
        pairs = [(bench.timed(lambda: machine.forum("search", "elev")), git_version(bench)) for _ in range(quick)]
        table.ratio(what, *zip(*pairs), 8)
    machine.drop()


def has_search(bench):
    done = subprocess.run([bench.forum, "search", "--help"], env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def memory(bench, table):
    """The most memory of each command, git's included, one run each."""
    machine = Machine(bench)
    commands = [("cold fetch", ["fetch", ONE]), ("one more component", ["fetch", OTHER]), ("refresh", ["registry", "refresh"])]
    commands += [("`fetch --locked`", ["fetch", "--locked"])]
    if has_search(bench):
        commands += [("first `search`", ["search", "elev"]), ("warm `search`", ["search", "elev"])]
    for name, arguments in commands:
        value = machine.peak(*arguments)
        table.add(f"{name}, peak memory", value, 100, f"{value:.0f} MB", " MB")
    machine.drop()


def measure(bench, repository):
    table = Table()
    say("cold fetches and clones")
    cold(bench, table, 0.0, 0.3)
    cold(bench, table, 0.03, 0.5)
    say("warm commands")
    warm(bench, table)
    ten_more(bench, table, repository)
    local(bench, table)
    say("memory")
    memory(bench, table)
    return table


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--forum", required=True, type=pathlib.Path, help="the release binary")
    parser.add_argument("--registry", type=pathlib.Path, metavar="DIR", help="keep the registry here, and use it again")
    parser.add_argument("--repetitions", type=int, default=7, help="how often each is done (7)")
    parser.add_argument("--strict", action="store_true", help="end with status 1 where a goal is not held")
    return parser


def run(options, measure):
    """Serves the registry, measures, and prints the table."""
    with tempfile.TemporaryDirectory(prefix="forum-compare-") as folder:
        folder = pathlib.Path(folder)
        kept = (options.registry or folder / "served").resolve()
        kept.mkdir(parents=True, exist_ok=True)
        repository = kept / "kommun.git"
        registry.build(repository, say)
        server = Server(kept)
        (folder / "runs").mkdir()
        table = measure(Bench(options.forum.resolve(), server, folder / "runs", options.repetitions), repository)
        server.close()
    git = subprocess.run(["git", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    print(table.text())
    print(f"\n{git}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors, {options.repetitions} repetitions, medians.")
    return 1 if options.strict and table.missed else 0


if __name__ == "__main__":
    sys.exit(run(arguments(__doc__).parse_args(), measure))
