"""The Camel kamelets as a registry: 272 components in 1,382 versions, one commit for each of six releases."""
import tarfile

import registry

RELEASES = ("0.8.0", "3.21.0", "4.4.0", "4.10.0", "4.14.0", "4.21.0")
SUFFIX = ".kamelet.yaml"
README = (
    b"# A kamelet\n\nOne piece of a route, as the catalogue of Apache Camel has it, in the release that is its version.\n\n"
    b"## What it needs\n\nCamel of that release.\n\n## How to adapt it\n\nChange what the route is called with.\n"
)
LICENCE = b"SPDX-License-Identifier: Apache-2.0\n"


def archived(directory, release):
    """The kamelets of a release: (name, bytes)."""
    with tarfile.open(directory / f"{release}.tar.gz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(SUFFIX):
                yield member.name.rsplit("/", 1)[-1].removesuffix(SUFFIX), archive.extractfile(member).read()


def _card(name):
    return (
        f'kind = "technical-component"\ntitle = "{name}"\nsummary = "The kamelet {name}"\nlicense = "Apache-2.0"\nstatus = "production"\n'
        f'keywords = ["camel"]\nsystems = ["Camel"]\n'
    )


def _manifest(name, release):
    head = f'[component]\nowner = "apache"\nname = "{name}"\nversion = "{release}"\n'
    return f'{head}{_card(name)}contact = "dev@camel.example"\npersonal-data = "none"\n'.encode()


def build(repository, directory):
    """Makes the registry as a bare repository at `repository`; the number of versions."""
    registry.git(repository, "init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(repository))
    importer = registry.Importer(repository, 0)
    head = (
        'format = 1\nname = "kamelets"\ntitle = "Kamelets"\nsector = "integration"\ndescription = "A registry made to measure"\n'
        'licences = ["Apache-2.0"]\n'
    )
    owner = 'title = "Apache Camel"\nkind = "vendor"\ncontact = "dev@camel.example"\nurl = "https://camel.apache.org"\n'
    importer.commit("Start", {"registry.toml": head.encode(), "publishers/apache.toml": owner.encode()})
    records, count = {}, 0
    for release in RELEASES:
        changed = {}
        for name, data in archived(directory, release):
            files = {"component.toml": _manifest(name, release), "README.md": README, "LICENSE": LICENCE, f"{name}{SUFFIX}": data}
            changed.update((f"components/apache/{name}/{path}", data) for path, data in files.items())
            records[name] = records.get(name, "") + (
                f'\n[[version]]\nversion = "{release}"\ntree = "{registry.tree_of(files)}"\nchecksum = "{registry.checksum_of(files)}"\n'
                f'published = "2026-01-0{1 + RELEASES.index(release)}T12:00:00Z"\nlicense = "Apache-2.0"\n'
            )
            index = f'format = 1\nid = "apache/{name}"\n\n[card]\nversion = "{release}"\n{_card(name)}{records[name]}'
            changed[f"index/apache/{name}.toml"] = index.encode()
            count += 1
        importer.commit(f"Release {release}", changed)
    importer.close()
    registry.git(repository, "repack", "-adfq")
    return count


def unpack(target, directory):
    """Every kamelet of every release as a file of one component; the number of bytes."""
    target.mkdir(parents=True)
    size = 0
    for release in RELEASES:
        for name, data in archived(directory, release):
            (target / f"{name}-{release}{SUFFIX}").write_bytes(data)
            size += len(data)
    return size
