//! How long it takes to read a tree of 2,000 files from a bare repository, check every path and mode, and verify both digests.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use forum::model::address::Address;
use forum::model::digest::{Checksum, FileMode, checksum_of_files};
use forum::model::id::ComponentId;
use forum::model::path::RelPath;
use forum::model::resolve::Catalog as _;
use forum::store::registry::{Options, Progress, Registry, Visit};
use forum::store::transport::EngineChoice;
use git2::{Oid, Repository, RepositoryInitOptions, Signature};

const FILES: usize = 2_000;
const FILES_OF_A_DIRECTORY: usize = 40;
const ID: &str = "goteborg/pupil-system";

/// About 1 kB that looks like text, the same at each run and in no two files.
fn bytes(number: usize) -> Vec<u8> {
    let line = |at: usize| format!("{number}.{at}: {:x}\n", (number * 1_000 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..40).flat_map(|at| line(at).into_bytes()).collect()
}

fn path(number: usize) -> String {
    format!("part-{:02}/inner/file-{number:04}.json", number / FILES_OF_A_DIRECTORY)
}

fn directory(repository: &Repository, rows: &[(String, Oid, i32)]) -> Oid {
    let mut builder = repository.treebuilder(None).expect("a builder");
    for (name, id, mode) in rows {
        builder.insert(name, *id, *mode).expect("an object that is there");
    }
    builder.write().expect("written")
}

/// Writes the component's tree, and returns it with its checksum.
fn component(repository: &Repository) -> (Oid, Checksum) {
    let numbers: Vec<_> = (0..FILES).collect();
    let parts = numbers.chunks(FILES_OF_A_DIRECTORY).enumerate().map(|(part, numbers)| {
        let name = |number: &usize| path(*number).rsplit('/').next().expect("a name").to_owned();
        let blob = |number: &usize| repository.blob(&bytes(*number)).expect("written");
        let rows: Vec<_> = numbers.iter().map(|number| (name(number), blob(number), 0o100_644)).collect();
        let inner = directory(repository, &[("inner".to_owned(), directory(repository, &rows), 0o040_000)]);
        (format!("part-{part:02}"), inner, 0o040_000)
    });
    let parts: Vec<_> = parts.collect();
    let paths: Vec<RelPath> = numbers.iter().map(|number| path(*number).parse().expect("a path")).collect();
    let rows = paths.iter().zip(&numbers).map(|(path, number)| (path, FileMode::Regular, Checksum::of(&bytes(*number))));
    (directory(repository, &parts), checksum_of_files(rows))
}

/// A registry with one component, in one pack as a server or a cache has it.
fn registry(folder: &Path) -> Repository {
    let loose = Repository::init_bare(folder.join("loose.git")).expect("a repository");
    let (tree, checksum) = component(&loose);
    let index = format!(
        "format = 1\nid = \"{ID}\"\n[[version]]\nversion = \"1.0.0\"\ntree = \"{tree}\"\nchecksum = \"{checksum}\"\nlicense = \"EUPL-1.2\"\n"
    );
    let file = |text: &str| loose.blob(text.as_bytes()).expect("written");
    let (owner, name) = ID.split_once('/').expect("an id");
    let below = |name: &str, id, mode| directory(&loose, &[(name.to_owned(), id, mode)]);
    let root = directory(
        &loose,
        &[
            ("components".to_owned(), below(owner, below(name, tree, 0o040_000), 0o040_000), 0o040_000),
            ("index".to_owned(), below(owner, below(&format!("{name}.toml"), file(&index), 0o100_644), 0o040_000), 0o040_000),
            ("registry.toml".to_owned(), file("format = 1\nname = \"kommun\"\n"), 0o100_644),
        ],
    );
    let author = Signature::new("Bench", "bench@example.org", &git2::Time::new(1_767_225_600, 0)).expect("a signature");
    let root = loose.find_tree(root).expect("just written");
    let commit = loose.commit(None, &author, &author, "Start", &root, &[]).expect("a commit");

    let packed = Repository::init_opts(folder.join("kommun.git"), RepositoryInitOptions::new().bare(true)).expect("a repository");
    let mut builder = loose.packbuilder().expect("a builder");
    builder.insert_commit(commit).expect("all of it");
    let mut pack = git2::Buf::new();
    builder.write_buf(&mut pack).expect("a pack");
    {
        let database = packed.odb().expect("a database");
        let mut writer = database.packwriter().expect("a writer");
        writer.write_all(&pack).expect("written");
        writer.commit().expect("indexed");
    }
    packed.reference("refs/heads/main", commit, true, "bench").expect("a branch");
    packed
}

fn options() -> Options {
    Options {
        cache_dir: None,
        state_dir: None,
        offline: true,
        offline_by: "--offline",
        timeout: Duration::from_secs(30),
        engine: EngineChoice::System,
        terminal: false,
        running: env!("CARGO_PKG_VERSION").parse().expect("Cargo has checked it"),
        accept_rewrite: false,
        progress: Progress::new(|_| ()),
    }
}

fn validation(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a writable temporary directory");
    let repository = registry(folder.path());
    let address = Address::parse(&repository.path().to_string_lossy()).expect("a path");
    let options = options();
    let open = || Registry::open(&address, folder.path(), &options, &Visit::default()).expect("the registry just made");
    let id: ComponentId = ID.parse().expect("an id");
    let record = |registry: &Registry| {
        let index = registry.index(&id).expect("readable").expect("there");
        index.versions[0].clone()
    };
    let registry = open();
    let known = record(&registry);
    assert_eq!(registry.content(&id, &known).expect("valid").files.len(), FILES);
    criterion.bench_function("2,000 files", |bencher| bencher.iter(|| registry.content(&id, black_box(&known))));
    criterion.bench_function("2,000 files, repository and index opened anew", |bencher| {
        bencher.iter(|| {
            let registry = open();
            let known = record(&registry);
            registry.content(&id, &known)
        });
    });
}

criterion_group!(benches, validation);
criterion_main!(benches);
