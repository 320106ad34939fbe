"""A large registry as a bare Git repository, the same bytes at each run.

2,000 components of 100 owners, five versions of each, twelve files in each version: as large as a national forum may
become. The content compresses like real exports do (about 15 kB for a component), and one version differs from the
one before it in a few lines of a few files. Component number n needs the component whose number is n with its last
digit set to 0; those need nothing, so that a fetch has one level of dependencies.

Everything goes through `git fast-import`, and digests are computed here: nothing of `forum` takes part.
"""
import hashlib
import os
import random
import subprocess
import time

COMPONENTS = 2_000
VERSIONS = 5
OWNERS = 100
START = 1_767_225_600  # 2026-01-01T00:00:00Z
#: A registry that was built by another state of this file is not used again.
FORMAT = hashlib.sha256(open(__file__, "rb").read()).hexdigest()

WORDS = (
    "elev skola förskola lön personal synkronisering ärende diarium faktura bokning händelse hämtar och till från system "
    "register åtgärd öppen data betyg närvaro tjänst klass schema vårdnadshavare handläggare beslut delegation protokoll"
).split()
LINES = {
    "process.json": 140, "mapping.json": 55, "schema.json": 35, "README.md": 25, "CHANGELOG.md": 20, "diagram.svg": 20,
    "check.sh": 10, "read.sql": 15, "write.sql": 15, "docs/setup.md": 15, "docs/operations.md": 15,
}  # and component.toml
CHANGED = ("process.json", "README.md", "mapping.json")


def git_environment():
    """An environment in which git reads no configuration of the machine's."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR", "LANG", "SYSTEMROOT")}
    kept.update(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull, GIT_TERMINAL_PROMPT="0", HOME=os.devnull, LC_ALL="C.UTF-8")
    return kept


def git(repository, *arguments, **options):
    command = ["git", "--git-dir", str(repository), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=git_environment(), **options).stdout


def id_of(number):
    return f"owner-{number % OWNERS:02}/component-{number:04}"


def needs_of(number):
    return {} if number % 10 == 0 else {id_of(number - number % 10): "^1.0"}


def _line(chance):
    words = " ".join(chance.choices(WORDS, k=5))
    return f'  {{ "Id": "{chance.randbytes(16).hex()}", "Name": "{words}", "Order": {chance.randrange(1000)} }},\n'


def _manifest(number, version):
    owner, name = id_of(number).split("/")
    needs = "".join(f'"{needed}" = "{requirement}"\n' for needed, requirement in needs_of(number).items())
    return (
        f'[component]\nowner = "{owner}"\nname = "{name}"\nversion = "{version}"\nkind = "technical-component"\n'
        f'title = "{title_of(number)}"\nsummary = "Component {number} of a registry made to measure"\nlicense = "EUPL-1.2"\n'
        f'status = "production"\ncontact = "integration@{owner}.example"\n\n[dependencies]\n{needs}'
    )


def title_of(number):
    return " ".join(random.Random(f"title {number}").choices(WORDS, k=4)).capitalize()


def contents(number):
    """The versions of a component, one after the other: (version, {path: bytes}, the paths that changed)."""
    chance = random.Random(f"component {number}")
    # Half of the components have a directory in them.
    lines = {path if number % 2 else path.split("/")[-1]: [_line(chance) for _ in range(count)] for path, count in LINES.items()}
    files, minor = {}, 0
    while True:
        version = f"1.{minor}.0"
        changed = list(lines) if minor == 0 else list(CHANGED)
        for path in changed if minor else ():
            for _ in range(3):
                lines[path][chance.randrange(len(lines[path]))] = _line(chance)
        files.update((path, "".join(lines[path]).encode()) for path in changed)
        files["component.toml"] = _manifest(number, version).encode()
        yield version, files, [*changed, "component.toml"]
        minor += 1


def mode_of(path):
    return "100755" if path.endswith(".sh") else "100644"


def checksum_of(files):
    """Section 3 of the contract."""
    total = hashlib.sha256()
    for path in sorted(files, key=str.encode):
        total.update(f"{hashlib.sha256(files[path]).hexdigest()} {mode_of(path)} {path}\n".encode())
    return "sha256:" + total.hexdigest()


def _object_id(kind, body):
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body).digest()


def tree_of(files):
    """Git's id of a directory with these files."""
    rows, below = [], {}
    for path, data in files.items():
        directory, slash, rest = path.partition("/")
        if slash:
            below.setdefault(directory, {})[rest] = (mode_of(path), data)
        else:
            rows.append((path.encode(), mode_of(path), _blob(data)))
    for directory, inner in below.items():
        inner_rows = [(name.encode(), mode, _blob(data)) for name, (mode, data) in inner.items()]
        rows.append((directory.encode() + b"/", "40000", _object_id("tree", _rows(inner_rows))))
    return _object_id("tree", _rows(rows)).hex()


def _blob(data):
    return _object_id("blob", data)


def _rows(rows):
    return b"".join(mode.encode() + b" " + name.rstrip(b"/") + b"\0" + oid for name, mode, oid in sorted(rows))


class Component:
    """One component while its versions are published."""

    def __init__(self, number):
        self.number, self.id = number, id_of(number)
        self._contents = contents(number)
        self._records = ""

    def next(self, when):
        """The next version: (version, {path in the registry: bytes} of what changes)."""
        version, files, changed = next(self._contents)
        published = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
        needs = ", ".join(f'"{needed}" = "{requirement}"' for needed, requirement in needs_of(self.number).items())
        self._records += (
            f'\n[[version]]\nversion = "{version}"\ntree = "{tree_of(files)}"\nchecksum = "{checksum_of(files)}"\n'
            f'published = "{published}"\nlicense = "EUPL-1.2"\n' + (f"dependencies = {{ {needs} }}\n" if needs else "")
        )
        card = (
            f'format = 1\nid = "{self.id}"\n\n[card]\nversion = "{version}"\nkind = "technical-component"\n'
            f'title = "{title_of(self.number)}"\nsummary = "Component {self.number} of a registry made to measure"\n'
            f'keywords = ["nyckelord-{self.number % 40}"]\nsystems = ["System {self.number % 50}"]\nlicense = "EUPL-1.2"\nstatus = "production"\n'
        )
        paths = {f"components/{self.id}/{path}": files[path] for path in changed}
        paths[f"index/{self.id}.toml"] = (card + self._records).encode()
        return version, paths


class Importer:
    """Commits on `main` through one `git fast-import`."""

    def __init__(self, repository, commits):
        command = ["git", "--git-dir", str(repository), "fast-import", "--quiet", "--done", "--force"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=git_environment())
        self._onto = b"from refs/heads/main^0\n" if commits else b""
        self.commits = commits

    def commit(self, message, paths):
        self.commits += 1
        message = message.encode()
        head = f"commit refs/heads/main\ncommitter Bench <bench@example.org> {START + self.commits * 60} +0000\ndata {len(message)}\n"
        parts = [head.encode(), message, b"\n", self._onto]
        for path, data in paths.items():
            parts += [f"M {mode_of(path)} inline {path}\ndata {len(data)}\n".encode(), data, b"\n"]
        self._process.stdin.write(b"".join(parts))
        self._onto = b""

    def close(self):
        self._process.stdin.write(b"done\n")
        self._process.stdin.close()
        if self._process.wait() != 0:
            raise SystemExit("git fast-import failed")


def head_files():
    registry = (
        'format = 1\nname = "kommun"\ntitle = "Kommunbiblioteket"\nsector = "municipalities"\ndescription = "A registry made to measure"\n'
        'licences = ["EUPL-1.2"]\n[limits]\nfile = "10 MiB"\ncomponent = "50 MiB"\nfiles = 2000\n[synonyms]\nelev = ["pupil", "student"]\n'
    )
    files = {"registry.toml": registry.encode()}
    for number in range(OWNERS):
        text = f'title = "Owner {number}"\nkind = "municipality"\ncountry = "SE"\ncontact = "integration@owner-{number:02}.example"\n'
        files[f"publishers/owner-{number:02}.toml"] = text.encode()
    return files


def build(repository, say):
    """Makes the registry at `repository`, unless one from an earlier run is there."""
    mark = repository / "made-by"
    if mark.exists() and mark.read_text().startswith(FORMAT):
        # What a run publishes is for that run alone.
        git(repository, "update-ref", "refs/heads/main", mark.read_text().split()[1])
        return
    if repository.exists():
        raise SystemExit(f"{repository} is there, and was not made by this program as it is now: remove it")
    say(f"making a registry of {COMPONENTS} components, {VERSIONS} versions each (a minute or two)")
    git(repository, "init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(repository))
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant", "repack.writeBitmaps"):
        git(repository, "config", key, "true")
    importer = Importer(repository, 0)
    importer.commit("Start", head_files())
    for number in range(COMPONENTS):
        component = Component(number)
        for _ in range(VERSIONS):
            version, paths = component.next(START + (importer.commits + 1) * 60)
            importer.commit(f"{component.id} {version}", paths)
    importer.close()
    say("packing it")
    git(repository, "repack", "-adfq")
    git(repository, "pack-refs", "--all")
    mark.write_text(f"{FORMAT} {git(repository, 'rev-parse', 'refs/heads/main').decode()}")


def publish_ten(repository, turn):
    """Ten new versions, of components that no earlier turn has touched."""
    commits = int(git(repository, "rev-list", "--count", "refs/heads/main"))
    importer = Importer(repository, commits)
    for number in range(1000 + 10 * turn, 1010 + 10 * turn):
        component = Component(number)
        # The index file holds the times of the earlier versions, which follow from their place in the history.
        for place in range(VERSIONS):
            component.next(START + (2 + number * VERSIONS + place) * 60)
        version, paths = component.next(START + (importer.commits + 1) * 60)
        importer.commit(f"{component.id} {version}", paths)
    importer.close()
