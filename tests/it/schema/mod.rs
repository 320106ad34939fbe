//! `registry-schema/` says what the program does: each schema is held against the type that reads the file, or against
//! what a command answers.

mod files;
mod output;

use std::path::Path;

use crate::support::json_schema::Schemas;

fn schemas() -> Schemas {
    Schemas::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("registry-schema"))
}

/// Not held against anything: parts that others refer to.
const SHARED: [&str; 1] = ["common"];

#[test]
fn each_schema_is_held_against_something() {
    let held: Vec<&str> = files::FILES.iter().map(|file| file.schema).chain(output::schemas_held()).chain(SHARED).collect();
    let missing: Vec<String> = schemas().names().filter(|name| !held.contains(name)).map(str::to_owned).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
