//! What the readers give out, from files that a person would call the same.

use proptest::prelude::*;

use super::*;

struct Given {
    text: String,
    name: Option<String>,
    pointer: Option<String>,
    /// What stands in the file at that place.
    written: String,
}

fn given(path: &str, text: &str) -> Vec<Given> {
    let mut all = Vec::new();
    walk(path, text, &mut |piece| {
        let range = piece.outermost(&(0..piece.text.len()));
        all.push(Given {
            text: piece.text.to_owned(),
            name: piece.name().map(str::to_owned),
            pointer: piece.pointer(),
            written: text[range].to_owned(),
        });
    });
    all
}

fn find(path: &str, text: &str, wanted: &str) -> Given {
    let all = given(path, text);
    let listed: Vec<_> = all.iter().map(|one| one.text.clone()).collect();
    all.into_iter().find(|one| one.text == wanted).unwrap_or_else(|| panic!("{text:.300}\n{listed:.300?}"))
}

#[test]
fn strings_are_read_through_every_string_around_them() {
    let inner = serde_json::json!({ "Password": "a\"b\\c" }).to_string();
    let xml = format!("<doc><item name='x'>{}</item></doc>", inner.replace('"', "&quot;"));
    let middle = serde_json::json!([1, { "Bpmn": xml }]).to_string();
    let outer = serde_json::json!({ "Processes": [{ "Parameters": middle }] }).to_string();
    let one = find("export.json", &outer, "a\"b\\c");
    assert_eq!(one.name.as_deref(), Some("Password"));
    assert_eq!(one.pointer.as_deref(), Some("/Processes/0/Parameters!/1/Bpmn"));
    assert!(one.written.starts_with("a\\") && one.written.ends_with('c'), "{}", one.written);
}

#[test]
fn a_torn_or_sloppy_json_hides_nothing() {
    for text in [
        "{\"a\": 1, \"password\": \"secret-word\", }",
        "// note\n{\"a\": 1, \"a\": 2, /* x */ \"password\": \"secret-word\"}",
        "{\"a\": [1, {\"password\": \"secret-word\"",
        "{\"a\":1}\n{\"password\": \"secret-word\"}\n",
        "[{\"password\": \"secret-word\"}, oops }",
    ] {
        let one = find("x.json", text, "secret-word");
        assert_eq!((one.name.as_deref(), one.written.as_str()), (Some("password"), "secret-word"), "{text}");
    }
    let torn = given("x.json", "{\"a\": oops, \"password\": \"secret-word\"");
    assert!(torn.iter().any(|one| one.text.contains("\"password\": \"secret-word\"")));
}

#[test]
fn values_are_named_by_what_stands_beside_them() {
    for (path, text) in [
        ("a.json", r#"[{"name": "DB_PASSWORD", "value": "secret-word"}]"#),
        ("a.json", r#"{"DB_PASSWORD": {"mode": "text", "value": "secret-word"}}"#),
        ("a.config", r#"<appSettings><add key="DB_PASSWORD" value="secret-word" /></appSettings>"#),
        ("a.xml", "<x><ns:DB_PASSWORD>secret-word</ns:DB_PASSWORD></x>"),
        ("a.xml", "<x><DB_PASSWORD><![CDATA[secret-word]]></DB_PASSWORD></x>"),
        ("a.config", "<setting name=\"DB_PASSWORD\" serializeAs=\"String\">\n<value>secret-word</value></setting>"),
        ("a.xml", "<property name='DB_PASSWORD'>secret-word</property>"),
        ("a.plist", "<dict><key>DB_PASSWORD</key>\n<string>secret-word</string></dict>"),
        ("a.xml", "<x><name>DB_PASSWORD</name>\n<value>secret-word</value></x>"),
        ("a.xml", "<x><Name>DB_PASSWORD</Name><Type>x</Type><Value>secret-word</Value></x>"),
        ("web.xml", "<x><param-name>DB_PASSWORD</param-name><param-value>secret-word</param-value></x>"),
        ("a.yaml", "env:\n  - name: DB_PASSWORD\n    value: secret-word\n"),
        ("a.yaml", "env:\n- name: OTHER\n  value: x\n- name: DB_PASSWORD\n  value: 'secret-word'\n"),
        ("a.yaml", "DB_PASSWORD: secret-word # old\n"),
        ("a.yaml", "DB_PASSWORD: >-\n  secret-word\n"),
        ("a.yaml", "x: {\"DB_PASSWORD\": \"secret-word\"}\n"),
        ("a.yaml", "x: {DB_PASSWORD: secret-word}\n"),
        ("a.yaml", "x: {a: 1, 'DB_PASSWORD': secret-word , b: 2}\n"),
        ("a.yaml", "x: {a: [1, {b: {{c}}, DB_PASSWORD: secret-word}]}\n"),
        ("a.yaml", "x: {a: {{b}}/c,\n  # note\n  DB_PASSWORD: !!str secret-word}\n"),
        ("a.yaml", "- {name: DB_PASSWORD, value: secret-word}\n"),
        ("a.yaml", "- [x, DB_PASSWORD: secret-word]\n"),
        ("a.yaml", "x:\n  ? DB_PASSWORD\n  : secret-word\n"),
        ("a.yaml", "? \"DB_PASSWORD\"\n: 'secret-word'\n"),
        ("a.json", r#"{"x": "a: {DB_PASSWORD: secret-word}"}"#),
        ("a.json", r#"{"x": "{DB_PASSWORD: secret-word}"}"#),
        ("a.json", r#"{"x": "- {name: DB_PASSWORD, value: secret-word}"}"#),
        ("a.json", r#"{"x": "a: 1\nb: {DB_PASSWORD: secret-word}\n"}"#),
        ("a.json", r#"{"x": "? DB_PASSWORD\n: secret-word\n"}"#),
    ] {
        let one = find(path, text, "secret-word");
        assert_eq!((one.name.as_deref(), one.written.as_str()), (Some("DB_PASSWORD"), "secret-word"), "{text}");
    }
}

#[test]
fn yaml_has_pointers_and_decodes_its_strings() {
    let text = "a:\n  - b: one\n    \"c d\": \"t\\x77o\\\"\"\n  - e:\n    - 'it''s'\nblock: |\n  {\n    \"k\": \"in\\nside\"\n  }\nmore: plain\n  going on\nlast: !!str &x end\n";
    for (wanted, pointer, written) in [
        ("one", "/a/0/b", "one"),
        ("two\"", "/a/0/c d", "t\\x77o\\\""),
        ("it's", "/a/1/e/0", "it''s"),
        ("in\nside", "/block!/k", "in\\nside"),
        ("plain\n  going on", "/more", "plain\n  going on"),
        ("end", "/last", "end"),
    ] {
        let one = find("x.yaml", text, wanted);
        assert_eq!((one.pointer.as_deref(), one.written.as_str()), (Some(pointer), written));
    }
}

#[test]
fn flow_collections_have_pointers_and_torn_ones_hide_nothing() {
    for (text, pointer) in [
        ("a: {b: [x, {c: secret-word}]}\n", "/a/b/1/c"),
        ("a: [{\"b\":\"secret-word\"}]\n", "/a/0/b"),
        ("- {b: 'secret-word', c: d}\n", "/0/b"),
        ("? a\n: b: secret-word\n", "/a"),
    ] {
        let found = given("x.yaml", text);
        let one = found.iter().find(|one| one.text.contains("secret-word")).expect(text);
        assert_eq!(one.pointer.as_deref(), Some(pointer), "{text}");
    }
    for text in ["a: {b: 'x, c: secret-word}\n", "a: {b: c]} secret-word\n", "a: [b}, secret-word]\n", "a: {\"b: secret-word\n"] {
        assert!(given("x.yaml", text).iter().any(|one| one.text.contains("secret-word")), "{text}");
    }
    // Blocks of a program are none.
    for text in ["{ return x: y; }", "{{a: b}}", "{a: f(b)}", "{ x => y }", "{note}: see there"] {
        assert!(given("x.json", &serde_json::json!({ "k": text }).to_string()).iter().any(|one| one.text == text), "{text}");
    }
}

#[test]
fn yaml_in_json_is_read_and_points_at_its_string() {
    let yaml = "openapi: 3.0.1\ninfo:\n  contact:\n    email: \"who\"\n";
    let text = serde_json::json!({ "openApiDocument": yaml }).to_string();
    let one = find("x.json", &text, "who");
    assert_eq!((one.name.as_deref(), one.pointer.as_deref(), one.written.as_str()), (Some("email"), Some("/openApiDocument"), "who"));
}

#[test]
fn literals_of_code_are_decoded_once_more() {
    let one = find("x.cs", "var json = \"{\\\"password\\\": \\\"secret-word\\\"}\";\n", "secret-word");
    assert_eq!(one.name.as_deref(), Some("password"));
}

#[test]
fn texts_of_windows_are_texts() {
    let utf16: Vec<u8> = "\u{feff}Lösenord".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(text_of(&utf16).expect("text"), "Lösenord".to_owned());
    assert_eq!(text_of(&utf16[2..]).expect("text"), "Lösenord".to_owned());
    assert_eq!(text_of(b"L\xf6senord").expect("text"), "Lösenord");
    assert_eq!(text_of(b"\xef\xbb\xbfx").expect("text"), "\u{feff}x");
    for binary in
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" as &[u8], b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"PK\x03\x04\x14\0\0\0", b"\xff\x01\xfe\xc3\x28"]
    {
        assert!(text_of(binary).is_none(), "{binary:?}");
    }
}

#[test]
fn depth_costs_neither_stack_nor_sight() {
    let deep = "[".repeat(100_000) + "\"secret-word\"";
    assert!(given("x.json", &deep).iter().any(|one| one.text.contains("secret-word")));
    let mut nested = serde_json::json!({ "k": "secret-word" });
    for _ in 0..12 {
        nested = serde_json::json!({ "a": nested.to_string() });
    }
    find("x.json", &nested.to_string(), "secret-word");
    let xml = "<a>".repeat(100_000) + "secret-word";
    find("x.xml", &xml, "secret-word");
}

proptest! {
    #[test]
    fn nothing_breaks_a_reader(text in "[\\[\\]{}:,\"'\\\\<>&#;=/!|a-c\\- \n\tå0-9]{0,60}", ending in prop::sample::select(vec!["json", "yaml", "xml", "cs", "toml", "x"])) {
        for one in given(&format!("f.{ending}"), &text) {
            prop_assert!(one.written.len() <= text.len());
        }
    }

    #[test]
    fn a_value_is_found_in_all_formats(value in "[a-zA-Z0-9åäö]{9,20}", path in prop::sample::select(vec!["f.json", "f.yaml", "f.xml"])) {
        let json = serde_json::json!({ "k": serde_json::json!([value]).to_string() }).to_string();
        let text = match path {
            "f.json" => json,
            "f.yaml" => format!("k: '{json}'\n"),
            _ => format!("<k>{}</k>", json.replace('"', "&#34;")),
        };
        prop_assert!(given(path, &text).iter().any(|one| one.text == value && one.written == value));
    }
}
