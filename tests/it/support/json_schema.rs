//! JSON Schema 2020-12, as far as `registry-schema/` uses it. A keyword that this does not know fails the test, so that
//! none is passed over in silence. `format` and the like are annotations, as the specification has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value};

const ANNOTATIONS: [&str; 8] = ["$schema", "$id", "$defs", "title", "description", "default", "examples", "format"];

/// All schemas of a directory, by file name without `.schema.json`.
pub(crate) struct Schemas(BTreeMap<String, Value>);

/// What a document met: the rules that it breaks, and the keys that a schema names.
#[derive(Default)]
struct Verdict {
    broken: Vec<String>,
    named: BTreeSet<String>,
    /// Objects whose keys some schema lists.
    listed: BTreeSet<String>,
}

impl Schemas {
    /// Reads them, and panics where one is malformed or uses what this validator does not know.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".schema.json") {
                let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
                all.insert(name.to_owned(), value);
            }
        }
        let schemas = Self(all);
        for (name, schema) in &schemas.0 {
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
            assert!(schema["$id"].as_str().is_some_and(|id| id.ends_with(&format!("/{name}.schema.json"))), "{name}");
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
            schemas.inspect(name, name, schema);
        }
        schemas
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The rules that a document breaks, each with its place.
    pub(crate) fn broken(&self, name: &str, document: &Value) -> Vec<String> {
        self.judge(name, document).broken
    }

    /// The keys of a document that its schema does not name, where the schema lists keys at all.
    pub(crate) fn unnamed(&self, name: &str, document: &Value) -> Vec<String> {
        let verdict = self.judge(name, document);
        let of = |place: &String| {
            let keys = document.pointer(place).and_then(Value::as_object).into_iter().flat_map(Map::keys);
            keys.map(|key| below(place, key)).filter(|key| !verdict.named.contains(key)).collect::<Vec<_>>()
        };
        verdict.listed.iter().flat_map(of).collect()
    }

    fn judge(&self, name: &str, document: &Value) -> Verdict {
        let schema = self.0.get(name).unwrap_or_else(|| panic!("no schema {name}"));
        let mut verdict = Verdict::default();
        self.check(name, schema, "", document, &mut verdict);
        verdict
    }

    /// `#/$defs/x`, or the same in another file.
    fn target(&self, name: &str, reference: &str) -> (String, &Value) {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if file.is_empty() { name } else { file.strip_suffix(".schema.json").unwrap() };
        let found = self.0.get(file).and_then(|schema| schema.pointer(pointer));
        (file.to_owned(), found.unwrap_or_else(|| panic!("{name}: `{reference}` leads nowhere")))
    }

    /// Knows each keyword, follows each reference, compiles each pattern.
    fn inspect(&self, name: &str, place: &str, schema: &Value) {
        let Some(keywords) = schema.as_object() else {
            assert!(schema.is_boolean(), "{place} is no schema");
            return;
        };
        for (keyword, value) in keywords {
            let place = format!("{place}/{keyword}");
            match keyword.as_str() {
                "$defs" | "properties" => {
                    value.as_object().unwrap().iter().for_each(|(key, schema)| self.inspect(name, &format!("{place}/{key}"), schema));
                }
                "allOf" | "oneOf" => value.as_array().unwrap().iter().for_each(|schema| self.inspect(name, &place, schema)),
                "items" | "additionalProperties" | "propertyNames" | "not" | "if" | "then" | "else" => self.inspect(name, &place, value),
                "$ref" => drop(self.target(name, value.as_str().unwrap())),
                "pattern" => drop(Regex::new(value.as_str().unwrap()).unwrap_or_else(|error| panic!("{place}: {error}"))),
                "required" | "enum" => assert!(value.is_array(), "{place}"),
                "minLength" | "maxLength" | "minItems" | "minimum" | "maximum" => assert!(value.is_number(), "{place}"),
                "type" | "const" => {}
                other => assert!(ANNOTATIONS.contains(&other), "{place}: this keyword is not known here"),
            }
        }
    }

    fn holds(&self, name: &str, schema: &Value, value: &Value) -> bool {
        let mut verdict = Verdict::default();
        self.check(name, schema, "", value, &mut verdict);
        verdict.broken.is_empty()
    }

    fn check(&self, name: &str, schema: &Value, place: &str, value: &Value, verdict: &mut Verdict) {
        let Some(keywords) = schema.as_object() else {
            if schema == &Value::Bool(false) {
                verdict.broken.push(format!("{place} must not be here"));
            }
            return;
        };
        for (keyword, rule) in keywords {
            if let Some(broken) = broken(keyword, rule, value) {
                verdict.broken.push(format!("{place} {broken}"));
            }
            match keyword.as_str() {
                "$ref" => {
                    let (file, schema) = self.target(name, rule.as_str().unwrap());
                    self.check(&file, schema, place, value, verdict);
                }
                "allOf" => rule.as_array().unwrap().iter().for_each(|schema| self.check(name, schema, place, value, verdict)),
                "oneOf" => {
                    let fitting: Vec<_> = rule.as_array().unwrap().iter().filter(|schema| self.holds(name, schema, value)).collect();
                    match fitting[..] {
                        [schema] => self.check(name, schema, place, value, verdict),
                        _ => verdict.broken.push(format!("{place} fits {} of {rule}", fitting.len())),
                    }
                }
                "not" if self.holds(name, rule, value) => verdict.broken.push(format!("{place} is {rule}, which it must not be")),
                "if" => {
                    if let Some(schema) = keywords.get(if self.holds(name, rule, value) { "then" } else { "else" }) {
                        self.check(name, schema, place, value, verdict);
                    }
                }
                "items" => value.as_array().into_iter().flatten().enumerate().for_each(|(number, item)| {
                    self.check(name, rule, &format!("{place}/{number}"), item, verdict);
                }),
                _ => {}
            }
        }
        if let Some(object) = value.as_object() {
            self.check_object(name, keywords, place, object, verdict);
        }
    }

    fn check_object(&self, name: &str, keywords: &Map<String, Value>, place: &str, object: &Map<String, Value>, verdict: &mut Verdict) {
        let properties = keywords.get("properties").and_then(Value::as_object);
        if properties.is_some() {
            verdict.listed.insert(place.to_owned());
        }
        for (key, value) in object {
            let at = below(place, key);
            if let Some(schema) = keywords.get("propertyNames") {
                self.check(name, schema, &at, &Value::String(key.clone()), verdict);
            }
            let named = properties.and_then(|properties| properties.get(key));
            if let Some(schema) = named.or_else(|| keywords.get("additionalProperties")) {
                verdict.named.insert(at.clone());
                self.check(name, schema, &at, value, verdict);
            }
        }
    }
}

/// The place of a key, as a JSON Pointer.
fn below(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// What is wrong by a keyword that holds no schema.
fn broken(keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let number = |fits: fn(f64, f64) -> bool| value.as_f64().is_none_or(|value| fits(value, rule.as_f64().unwrap()));
    let length = |fits: fn(usize, usize) -> bool, of: Option<usize>| {
        of.is_none_or(|length| fits(length, usize::try_from(rule.as_u64().unwrap()).unwrap()))
    };
    let characters = value.as_str().map(|text| text.chars().count());
    let fine = match keyword {
        "type" => rule.as_array().map_or_else(|| is_a(value, rule), |list| list.iter().any(|one| is_a(value, one))),
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)),
        "minLength" => length(|length, least| length >= least, characters),
        "maxLength" => length(|length, most| length <= most, characters),
        "minItems" => length(|length, least| length >= least, value.as_array().map(Vec::len)),
        "minimum" => number(|value, least| value >= least),
        "maximum" => number(|value, most| value <= most),
        "required" => {
            value.as_object().is_none_or(|object| rule.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap())))
        }
        _ => true,
    };
    (!fine).then(|| format!("breaks `{keyword}: {rule}`: {value}"))
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("there is no type {other}"),
    }
}
