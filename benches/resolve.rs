//! How long it takes to choose versions from a catalogue of 10,000, already read: the graph is the work.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, criterion_group, criterion_main};
use forum::model::digest::{Checksum, ObjectId};
use forum::model::id::ComponentId;
use forum::model::index::{Card, IndexFile, VersionRecord};
use forum::model::resolve::{Catalog, Wish, resolve};
use semver::{Version, VersionReq};

/// Index files at hand, as after a refresh.
struct Catalogue(HashMap<ComponentId, Rc<IndexFile>>);

impl Catalog for Catalogue {
    fn index(&self, id: &ComponentId) -> anyhow::Result<Option<Rc<IndexFile>>> {
        Ok(self.0.get(id).cloned())
    }
}

fn id(number: u64) -> ComponentId {
    format!("owner-{}/component-{number}", number % 20).parse().expect("an id")
}

/// `components` × `versions`, where `needs` says what version `1.minor.0` of a component asks for.
fn catalogue(components: u64, versions: u64, needs: &dyn Fn(u64, u64) -> Vec<(u64, String)>) -> Catalogue {
    let record = |component: u64, minor: u64| VersionRecord {
        version: Version::new(1, minor, 0),
        tree: ObjectId::from_bytes([1; 20]),
        checksum: Checksum::of(b""),
        published: "2026-01-01T00:00:00Z".to_owned(),
        license: "EUPL-1.2".to_owned(),
        dependencies: needs(component, minor)
            .into_iter()
            .filter(|(needed, _)| *needed < components)
            .map(|(needed, requirement)| (id(needed), requirement.parse().expect("a requirement")))
            .collect(),
        source: None,
    };
    let index = |component: u64| IndexFile {
        id: id(component),
        card: Card::default(),
        versions: (0..versions).map(|minor| Rc::new(record(component, minor))).collect(),
        deprecated: None,
        yanked: BTreeMap::new(),
        removed: BTreeMap::new(),
    };
    Catalogue((0..components).map(|number| (id(number), Rc::new(index(number)))).collect())
}

/// Each component needs two further on and one nearby, so that 0 reaches all and a third is asked for by several.
fn broad(component: u64, minor: u64) -> Vec<(u64, String)> {
    let any = format!("^1.{}", minor / 2);
    vec![(2 * component + 1, any.clone()), (2 * component + 2, any), (component + 701, "1".to_owned())]
}

/// Long histories: each version takes what is not newer than itself, as its tests once ran with it.
fn deep(component: u64, minor: u64) -> Vec<(u64, String)> {
    let upto = format!(">=1.{}, <1.{}", minor / 2, minor + 1);
    (component + 1..component + 4).map(|needed| (needed, upto.clone())).collect()
}

/// As [`deep`], but two versions in three need what was never published: they have to be tried and given up.
fn misleading(component: u64, minor: u64) -> Vec<(u64, String)> {
    if (minor + component).is_multiple_of(3) { deep(component, minor) } else { vec![(component + 2, "^2".to_owned())] }
}

fn resolution(criterion: &mut Criterion) {
    let wide = catalogue(2_000, 5, &broad);
    let long = catalogue(100, 100, &deep);
    let hard = catalogue(100, 100, &misleading);
    for (name, catalogue, wanted, chosen) in [
        ("2,000 x 5, some of it", &wide, 100, 30),
        ("2,000 x 5, everything", &wide, 0, 2_000),
        ("100 x 100, everything", &long, 0, 100),
        ("100 x 100, with versions to give up", &hard, 0, 100),
    ] {
        let wishes = [Wish { id: id(wanted), requirement: VersionReq::STAR }];
        let none = BTreeMap::new();
        let found = resolve(catalogue, &wishes, &none).expect("a solution");
        assert!(found.len() >= chosen, "{name}: {} components were chosen", found.len());
        let locked: BTreeMap<_, _> = found.iter().map(|(id, chosen)| (id.clone(), chosen.record.version.clone())).collect();
        criterion.bench_function(name, |bencher| bencher.iter(|| resolve(black_box(catalogue), &wishes, &none)));
        criterion.bench_function(&format!("{name}, locked"), |bencher| bencher.iter(|| resolve(black_box(catalogue), &wishes, &locked)));
    }
}

criterion_group!(benches, resolution);
criterion_main!(benches);
