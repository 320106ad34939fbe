#!/usr/bin/env python3
"""What updating an adapted copy does to it: `forum` beside `copier`, `cruft` and `git merge`. See README.md beside this file."""
import argparse
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import registry  # noqa: E402
from compare import PEAK, Table, say  # noqa: E402

ID = "bench/adapted"
OLD, NEW = "1.0.0", "1.1.0"
MARKERS = (b"<<<<<<<", b">>>>>>>")
LINES = [f"line {number}\n" for number in range(1, 21)]


def text(**changes):
    """Twenty lines, some of them others: text(_5="x") changes the fifth."""
    lines = list(LINES)
    for name, line in changes.items():
        lines[int(name[1:]) - 1] = line + "\n"
    return "".join(lines).encode()


class Run:
    """One update: how it ended, what it said, and the files then."""

    def __init__(self, code, said, files):
        self.code, self.said, self.files = code, said, files

    def told(self, path):
        """Whether a person or a script hears of it."""
        heard = f"exit {self.code}" if self.code else ("names it, exit 0" if pathlib.PurePath(path).name in self.said else "silent, exit 0")
        return f" ({heard})"

    def marked(self, path):
        return any(mark in self.files.get(path, b"") for mark in MARKERS)

    def beside(self, path, content):
        """Whether another file holds this."""
        return any(data == content for name, data in self.files.items() if name != path)


# ------------------------------------------------------------------ the cases: base, ours, theirs, and what became of them


def one_file(path, base, ours, theirs):
    side = lambda data: {"README.md": b"# Read me\n", **({} if data is None else {path: data})}  # noqa: E731
    return side(base), side(ours), side(theirs)


def binary(run):
    ours, theirs = b"\0\1ours", b"\0\1theirs"
    if run.files.get("f.bin") == theirs:
        return "local overwritten" + run.told("f.bin")
    if run.files.get("f.bin") != ours:
        return "something else lies there" + run.told("f.bin")
    rest = "theirs beside it" if run.beside("f.bin", theirs) else "theirs in no file"
    return ("conflict: " if run.code else "") + f"ours stays, {rest}" + run.told("f.bin")


def renamed(run):
    new = run.files.get("new/a.txt", b"")
    if new == text(_1="ours", _19="theirs"):
        return "merged" + run.told("a.txt")
    kept = any(b"ours" in data for data in run.files.values())
    return ("both stand apart" if kept else "local edit lost") + run.told("a.txt")


def deleted_upstream(run):
    stays = run.files.get("f.txt") == text(_1="ours")
    return ("ours stays" if stays else "file deleted, edit lost") + run.told("f.txt")


def deleted_here(run):
    stays = "stays deleted" if "f.txt" not in run.files else "file comes back"
    return stays + run.told("f.txt")


def both_added(run):
    data = run.files.get("f.txt", b"")
    if run.marked("f.txt"):
        return "both between markers" + run.told("f.txt")
    if data == b"theirs\n":
        return "local overwritten" + run.told("f.txt")
    rest = "ours stays, theirs beside it" if run.beside("f.txt", b"theirs\n") else "ours stays, theirs in no file"
    return rest + run.told("f.txt")


def line_ends(run):
    data = run.files.get("f.txt", b"")
    if data == text(_1="ours", _19="theirs").replace(b"\n", b"\r\n"):
        return "clean, our line ends stay" + run.told("f.txt")
    if run.marked("f.txt"):
        inside = data.split(b"<<<<<<<")[1].split(b">>>>>>>")[0].count(b"line ")
        return f"conflict over {inside} lines" + run.told("f.txt")
    rejected = any(name.endswith(".rej") for name in run.files)
    return ("theirs in a .rej file" if rejected else "theirs dropped") + run.told("f.txt")


def exit_status(run):
    return f"{run.code}"


CASES = [
    ("binary changed on both sides", one_file("f.bin", b"\0\1base", b"\0\1ours", b"\0\1theirs"), binary),
    (
        "renamed upstream, edited here",
        ({"old/a.txt": text()}, {"old/a.txt": text(_1="ours")}, {"new/a.txt": text(_19="theirs")}), renamed,
    ),
    ("deleted upstream, edited here", one_file("f.txt", text(), text(_1="ours"), None), deleted_upstream),
    ("deleted here, edited upstream", one_file("f.txt", text(), None, text(_1="theirs")), deleted_here),
    ("added on both sides", one_file("f.txt", None, b"ours\n", b"theirs\n"), both_added),
    ("CRLF here against LF", one_file("f.txt", text(), text(_1="ours").replace(b"\n", b"\r\n"), text(_19="theirs")), line_ends),
    ("exit status with a conflict in a line", one_file("f.txt", text(), text(_5="ours"), text(_5="theirs")), exit_status),
]


# ------------------------------------------------------------------ files


def write(folder, files, before=()):
    """Brings a directory from the files of `before` to `files`."""
    for path in set(before) - set(files):
        (folder / path).unlink()
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def read(folder):
    own = (".git", ".forum")
    found = (path for path in folder.rglob("*") if path.is_file() and not set(path.relative_to(folder).parts) & set(own))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


class Place:
    """A directory, and how commands are run in it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Bench"), ("EMAIL", "b@example.org"))}
        self.environment = dict(registry.git_environment(), HOME=str(folder / "home"), **who)
        (folder / "home").mkdir()

    def run(self, *command, cwd=None, fails=False):
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd or self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode and not fails:
            raise SystemExit(f"{' '.join(map(str, command))}: status {done.returncode}\n{said}")
        return done.returncode, said

    def commit(self, folder, tag=None):
        """Everything in a directory as one commit."""
        if not (folder / ".git").exists():
            self.run("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
        self.run("git", "add", "-A", cwd=folder)
        self.run("git", "commit", "--quiet", "-m", tag or "Commit", cwd=folder)
        if tag:
            self.run("git", "tag", tag, cwd=folder)


# ------------------------------------------------------------------ the tools: each is brought to the point before its update


class Tool:
    """A tool with a copy in its first version, adapted; `command` updates it."""

    def __init__(self, place, program, base, ours, theirs):
        self.place, self.program = place, program
        self.prepare(base, ours, theirs)

    def update(self):
        code, said = self.place.run(*self.command(), cwd=self.cwd(), fails=True)
        return Run(code, said, read(self.copy))


class Git(Tool):
    def prepare(self, base, ours, theirs):
        self.copy = self.place.folder / "copy"
        write(self.copy, base)
        self.place.commit(self.copy)
        self.place.run("git", "checkout", "--quiet", "-b", "theirs", cwd=self.copy)
        write(self.copy, theirs, base)
        self.place.commit(self.copy)
        self.place.run("git", "checkout", "--quiet", "main", cwd=self.copy)
        write(self.copy, ours, base)
        self.place.commit(self.copy)

    def command(self):
        return [self.program, "merge", "--no-edit", "theirs"]

    def cwd(self):
        return self.copy


class Copier(Tool):
    def prepare(self, base, ours, theirs):
        template, self.copy = self.place.folder / "template", self.place.folder / "copy"
        own = {"copier.yml": b"{}\n", "{{_copier_conf.answers_file}}.jinja": b"{{ _copier_answers|to_nice_yaml }}\n"}
        write(template, {**base, **own})
        self.place.commit(template, OLD)
        write(template, theirs, base)
        self.place.commit(template, NEW)
        self.place.run(self.program, "copy", "--quiet", "--defaults", "--vcs-ref", OLD, template, self.copy)
        self.place.commit(self.copy)
        write(self.copy, ours, base)
        self.place.commit(self.copy)

    def command(self):
        return [self.program, "update", "--defaults", "--vcs-ref", NEW]

    def cwd(self):
        return self.copy


class Cruft(Tool):
    def prepare(self, base, ours, theirs):
        template = self.place.folder / "template"
        inner = lambda files: {"{{cookiecutter.name}}/" + path: data for path, data in files.items()}  # noqa: E731
        write(template, {**inner(base), "cookiecutter.json": b'{"name": "copy"}\n'})
        self.place.commit(template, OLD)
        write(template, inner(theirs), inner(base))
        self.place.commit(template, NEW)
        self.place.run(self.program, "create", template, "--checkout", OLD, "--no-input", "--output-dir", self.place.folder)
        self.copy = self.place.folder / "copy"
        self.place.commit(self.copy)
        write(self.copy, ours, base)
        self.place.commit(self.copy)

    def command(self):
        return [self.program, "update", "--checkout", NEW, "--skip-apply-ask"]

    def cwd(self):
        return self.copy


class Forum(Tool):
    def prepare(self, base, ours, theirs):
        folder, self.workspace = self.place.folder, self.place.folder / "workspace"
        self.place.environment.update(
            {f"FORUM_{name}_DIR": str(folder / name.lower()) for name in ("CACHE", "STATE", "CONFIG")}, FORUM_REGISTRY=str(folder / "registry")
        )
        self.publish(base, theirs)
        self.workspace.mkdir()
        self.place.run(self.program, "-C", self.workspace, "fetch", f"{ID}@={OLD}")
        wishes = self.workspace / "forum.toml"
        wishes.write_text(wishes.read_text().replace(f'"={OLD}"', f'"^{OLD}"'))
        self.copy = self.workspace / "components" / ID
        write(self.copy, ours, base)

    def publish(self, base, theirs):
        folder = self.place.folder / "registry"
        publisher = b'title = "Bench"\nkind = "municipality"\ncountry = "SE"\ncontact = "integration@bench.example"\n'
        write(folder, {**registry.head_files(), "publishers/bench.toml": publisher, f"index/{ID}.toml": b""})
        rows, before = f'format = 1\nid = "{ID}"\n', {}
        for version, files in ((OLD, base), (NEW, theirs)):
            files = {**files, "component.toml": manifest(version)}
            write(folder / "components" / ID, files, before)
            before = files
            self.place.commit(folder)
            _, tree = self.place.run("git", "rev-parse", f"HEAD:components/{ID}", cwd=folder)
            rows += f'\n[[version]]\nversion = "{version}"\ntree = "{tree.strip()}"\nchecksum = "{registry.checksum_of(files)}"\nlicense = "EUPL-1.2"\n'
            (folder / f"index/{ID}.toml").write_text(rows)
            self.place.commit(folder)
        # As a clone or a cache has it.
        self.place.run("git", "repack", "-adq", cwd=folder)

    def command(self):
        return [self.program, "-C", self.workspace, "update"]

    def cwd(self):
        return self.workspace


def manifest(version):
    owner, name = ID.split("/")
    return (
        f'[component]\nowner = "{owner}"\nname = "{name}"\nversion = "{version}"\nkind = "technical-component"\ntitle = "Adapted"\n'
        'summary = "A component to adapt"\nlicense = "EUPL-1.2"\nstatus = "production"\ncontact = "integration@bench.example"\n'
    ).encode()


# ------------------------------------------------------------------ speed and memory


def large(count, size):
    """Files of lines that look like text, the same at each run."""
    chance = random.Random("large")
    line = lambda: f'  {{ "Id": "{chance.randbytes(16).hex()}", "Order": {chance.randrange(1000)} }}'  # noqa: E731
    files = {}
    for number in range(count):
        lines = [line() for _ in range(size // 60)]
        files[f"part-{number % 9}/file-{number:04}.txt"] = ("\n".join(lines) + "\n").encode()
    return files


def one_line(files, at, word):
    """One file with another line, the third from the beginning or the end."""
    path = min(files)
    lines = files[path].split(b"\n")
    lines[at] = word
    return {**files, path: b"\n".join(lines)}


def sides(count):
    base = large(count, 24_700)
    return base, one_line(base, 2, b"ours"), one_line(base, -3, b"theirs")


def require_merged(tool, run, ours, theirs):
    """A fast update that does nothing is no result."""
    path = min(ours)
    merged = one_line({path: ours[path]}, -3, b"theirs")[path]
    if run.code or run.files.get(path) != merged:
        raise SystemExit(f"{type(tool).__name__} did not merge {path}: status {run.code}\n{run.said}")


def timed(work):
    os.sync()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


class Again:
    """The same update several times: its folder is put back between."""

    def __init__(self, tool):
        self.tool, self.saved = tool, tool.place.folder.with_suffix(".saved")
        shutil.copytree(tool.place.folder, self.saved, symlinks=True)

    def seconds(self, ours, theirs):
        seconds, (code, said) = timed(lambda: self.tool.place.run(*self.tool.command(), cwd=self.tool.cwd(), fails=True))
        require_merged(self.tool, Run(code, said, read(self.tool.copy)), ours, theirs)
        self.back()
        return seconds

    def back(self):
        shutil.rmtree(self.tool.place.folder)
        shutil.copytree(self.saved, self.tool.place.folder, symlinks=True)


def floor(tool, base, ours, theirs):
    """What can hardly be done faster: every file read once, and one merge."""
    folder, path = tool.place.folder / "floor", min(base)
    write(folder / "files", ours)
    for name, files in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(files[path])
    paths = sorted(str(file) for file in (folder / "files").rglob("*") if file.is_file())

    def work():
        tool.place.run("sha256sum", *paths)
        tool.place.run("git", "merge-file", "-p", folder / "ours", folder / "base", folder / "theirs")

    seconds = timed(work)[0]
    shutil.rmtree(folder)
    return seconds


def ratio(table, what, ours, theirs, goal):
    value = statistics.median(a / b for a, b in zip(ours, theirs))
    shown = f"{value:.3g} ({statistics.median(ours) * 1000:.0f} ms / {statistics.median(theirs) * 1000:.0f} ms)"
    table.add(what, value, goal, shown)


def speed(options, folder, table):
    base, ours, theirs = sides(313)
    what = f"{len(base)} files of {sum(map(len, base.values())) / 1e6:.1f} MB, one line changed on both sides: `forum update`"
    forum = Again(Forum(Place(folder / "forum-speed"), options.forum, base, ours, theirs))
    updates = [forum.seconds(ours, theirs) for _ in range(options.repetitions)]
    floors = [floor(forum.tool, base, ours, theirs) for _ in range(options.repetitions)]
    ratio(table, f"{what} / `sha256sum` of them and one `git merge-file`", updates, floors, 10)
    if options.copier:
        copier = Again(Copier(Place(folder / "copier-speed"), options.copier, base, ours, theirs))
        others = [copier.seconds(ours, theirs) for _ in range(min(2, options.repetitions))]
        ratio(table, f"{what} / `copier update`", updates, others, 1 / 40)
    else:
        table.left_out(f"{what} / `copier update`", "`copier` is not here")


def memory(options, folder, table):
    """The largest file is the same in all: what grows with the component is not bounded by it."""
    for count in (313, 1252):
        base, ours, theirs = sides(count)
        forum = Forum(Place(folder / f"forum-memory-{count}"), options.forum, base, ours, theirs)
        words = [sys.executable, "-S", "-E", "-c", PEAK, *map(str, forum.command())]
        done = subprocess.run(words, env=forum.place.environment, cwd=forum.workspace, check=True, stdout=subprocess.PIPE)
        value = int(done.stdout) / 1024 * 1.048576
        size = sum(map(len, base.values())) / 1e6
        table.add(f"peak memory of `forum update`, {count} files of {size:.1f} MB", value, 60, f"{value:.0f} MB", " MB")


# ------------------------------------------------------------------ the two tables


def behaviour(options, folder):
    tools = [("git", Git, "git"), ("copier", Copier, options.copier), ("cruft", Cruft, options.cruft), ("forum", Forum, options.forum)]
    rows = ["| case | " + " | ".join(name for name, _, _ in tools) + " |", "|---" * (len(tools) + 1) + "|"]
    for number, (case, files, judge) in enumerate(CASES):
        cells = []
        for name, kind, program in tools:
            if program is None:
                cells.append("not installed")
                continue
            say(f"{case}: {name}")
            cells.append(judge(kind(Place(folder / f"{name}-{number}"), program, *files).update()))
        rows.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def found(program, given):
    """The program, or None and a word about it."""
    path = shutil.which(str(given or program))
    if path is None:
        say(f"{program} is left out: it is not installed (pip install {program}; or name it with --{program})")
    return path and str(pathlib.Path(path).absolute())


def version_of(program):
    """What it says of itself; `cruft` says nothing."""
    said = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return said.splitlines()[0] if said else pathlib.Path(program).name


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forum", required=True, type=pathlib.Path, help="the release binary")
    parser.add_argument("--copier", help="the program, where it is not on PATH")
    parser.add_argument("--cruft", help="the program, where it is not on PATH")
    parser.add_argument("--repetitions", type=int, default=5, help="how often each thing is measured (5)")
    parser.add_argument("--strict", action="store_true", help="end with status 1 where a goal is not held")
    options = parser.parse_args()
    options.forum = options.forum.resolve()
    options.copier, options.cruft = found("copier", options.copier), found("cruft", options.cruft)
    table = Table()
    with tempfile.TemporaryDirectory(prefix="forum-update-") as folder:
        folder = pathlib.Path(folder)
        print(behaviour(options, folder) + "\n", flush=True)
        say("speed and memory")
        speed(options, folder, table)
        memory(options, folder, table)
    print(table.text())
    versions = ", ".join(version_of(program) for program in ("git", options.copier, options.cruft) if program)
    print(f"\n{versions}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors, {options.repetitions} repetitions, medians.")
    return 1 if options.strict and table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
