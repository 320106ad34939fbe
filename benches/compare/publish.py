#!/usr/bin/env python3
"""Measures publishing and checking beside plain Git. See README.md beside this file."""
import pathlib
import resource
import statistics
import sys

import compare
import kamelets
import registry

OWNER = "owner-00"
README = (
    "# Transfer\n\nCarries pupils from one system to another every night, and tells the operators what it left out.\n\n"
    "## What it needs\n\nNothing beyond the platform.\n\n## How to adapt it\n\nChange the schedule in `process.json`.\n"
)
MANIFEST = (
    '[component]\nowner = "{owner}"\nname = "{name}"\nversion = "{version}"\nkind = "technical-component"\ntitle = "Transfer"\n'
    'summary = "Carries pupils from one system to another"\nlicense = "{licence}"\nstatus = "production"\n'
    'contact = "integration@{owner}.example"\nkeywords = ["pupil"]\nsystems = ["System"]\npersonal-data = "none"\n'
)


class Publisher(compare.Machine):
    """A municipality that has used the registry before: its cache is warm, and its component is committed."""

    def __init__(self, bench, number):
        super().__init__(bench)
        settings = f'[workspace]\nowner = "{OWNER}"\n\n[registries.kommun]\nurl = "{bench.url}"\n'
        (self.workspace / "forum.toml").write_text(settings)
        self.name = f"transfer-{number}"
        # Odd components have a directory in them; LICENSE stands for the log of changes, so that there are twelve files.
        _, files, _ = next(registry.contents(9_001 + 2 * number))
        files["LICENSE"] = files.pop("CHANGELOG.md") and b"SPDX-License-Identifier: EUPL-1.2\n"
        files["README.md"] = README.encode()
        files["component.toml"] = MANIFEST.format(owner=OWNER, name=self.name, version="1.0.0", licence="EUPL-1.2").encode()
        for path, data in files.items():
            place = self.workspace / self.name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
        for words in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message=Work"]):
            bench.run("git", *words, cwd=self.workspace)
        self.forum("registry", "refresh")

    @property
    def branch(self):
        return f"contribute/{OWNER}/{self.name}-1.0.0"


def warm_clone(bench, repository):
    """A clone of the whole registry, whose remote is the server."""
    place = bench.place() / "clone"
    bench.run("git", "clone", "--quiet", "--bare", repository, place)
    bench.run("git", "remote", "set-url", "origin", bench.url, cwd=place)
    return place


def publish(bench, table, repository):
    """`forum publish` against `git push` of the commit that it made, from a clone that is at hand."""
    registry.git(repository, "config", "http.receivepack", "true")
    clone = warm_clone(bench, repository)
    published, pushed = [], []
    for number in range(bench.repetitions):
        publisher = Publisher(bench, number)
        published.append(bench.settled(lambda: publisher.forum("publish", publisher.workspace / publisher.name)))
        commit = registry.git(repository, "rev-parse", f"refs/heads/{publisher.branch}").decode().strip()
        bench.run("git", "fetch", "--quiet", bench.url, commit, cwd=clone)
        # Git is to send the objects as forum did: the server has none of them any more.
        registry.git(repository, "update-ref", "-d", f"refs/heads/{publisher.branch}")
        registry.git(repository, "prune", "--expire=now")
        pushed.append(bench.settled(lambda: bench.run("git", "push", "--quiet", "origin", f"{commit}:refs/heads/pushed-{number}", cwd=clone)))
        registry.git(repository, "update-ref", "-d", f"refs/heads/pushed-{number}")
        publisher.drop()
    what = "`publish` of twelve files with a warm cache"
    table.posts(f"{what}, POSTs before the push", published, 2)
    down = statistics.median(sample.down for sample in published) / 1e3
    table.add(f"{what}, bytes down", down, 60, f"{down:.3g} kB", " kB")
    table.ratio(f"{what} / `git push` of the same commit from a warm clone", published, pushed, 3)


def check(bench, table, archives):
    """`forum registry check` against `git fsck` of the same repository."""
    repository = bench.place() / "kamelets.git"
    repository.mkdir()
    versions = kamelets.build(repository, archives)
    checks, looks = [], []
    for _ in range(bench.repetitions):
        checks.append(bench.timed(lambda: bench.run(bench.forum, "registry", "check", repository)))
        looks.append(bench.timed(lambda: bench.run("git", "--git-dir", repository, "fsck", "--full")))
    table.ratio(f"`registry check` of {versions:,} kamelet versions / `git fsck --full`", checks, looks, 2)


def component(bench, name):
    """A directory with what a component must have and nothing else."""
    folder = bench.place() / name
    folder.mkdir()
    (folder / "component.toml").write_text(MANIFEST.format(owner=OWNER, name=name, version="1.0.0", licence="Apache-2.0"))
    (folder / "README.md").write_text(README)
    (folder / "LICENSE").write_bytes(kamelets.LICENCE)
    return folder


def scan(bench, table, archives):
    """How much `forum check` reads in a second of processor time: every kamelet in one component, less what one without takes."""
    empty, full = component(bench, "empty"), component(bench, "full")
    size = kamelets.unpack(full / "all", archives)
    rates = []
    for _ in range(bench.repetitions):
        nothing, everything = (seconds(lambda: bench.run(bench.forum, "check", folder)) for folder in (empty, full))
        rates.append(size / (everything - nothing) / 1e6)
    rate = statistics.median(rates)
    table.add_at_least(f"`check` of all kamelets ({size / 1e6:.1f} MB)", rate, 50, f"{rate:.0f} MB/s", " MB/s")


def seconds(work):
    """Processor time: a rate has no neighbour that a busy machine would shift, too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = compare.arguments(__doc__)
    parser.add_argument("--kamelets", type=pathlib.Path, metavar="DIR", help="the archives of the kamelets' releases")
    options = parser.parse_args()

    def measure(bench, repository):
        table = compare.Table()
        compare.say("publishing")
        publish(bench, table, repository)
        if options.kamelets is None:
            table.left_out("`registry check` and `check` of the kamelets", "--kamelets was not given")
            return table
        compare.say("checking")
        check(bench, table, options.kamelets)
        scan(bench, table, options.kamelets)
        return table

    return compare.run(options, measure)


if __name__ == "__main__":
    sys.exit(main())
