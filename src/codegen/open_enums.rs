//! The contract's string enums as Rust enums that keep values they do not know.

use std::fmt::Write as _;

use serde_json::Value;

/// One enum of `components/schemas`.
pub(crate) struct OpenEnum {
    pub(crate) name: String,
    description: String,
    values: Vec<(String, String)>,
}

/// Every enum of the contract, in its order.
///
/// # Errors
///
/// An enum whose values are not strings, or whose variants would share a name.
pub(crate) fn find(spec: &Value) -> Result<Vec<OpenEnum>, String> {
    let schemas = spec
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .ok_or("the contract has no components/schemas")?;
    let mut enums = Vec::new();
    for (name, schema) in schemas {
        let Some(values) = schema.get("enum").and_then(Value::as_array) else {
            continue;
        };
        let mut seen = Vec::new();
        let mut documented = Vec::new();
        for value in values {
            let value = value
                .as_str()
                .ok_or_else(|| format!("{name}: the enum value {value} is not a string"))?;
            let variant = variant_name(value);
            if variant == "Unknown" || seen.contains(&variant) {
                return Err(format!("{name}: the value `{value}` gives a second `{variant}`"));
            }
            seen.push(variant);
            let description = schema
                .pointer("/x-enum-descriptions")
                .and_then(|descriptions| descriptions.get(value))
                .and_then(Value::as_str);
            documented.push((value.to_owned(), paragraph(description, value)));
        }
        enums.push(OpenEnum {
            name: name.clone(),
            description: paragraph(schema.get("description").and_then(Value::as_str), name),
            values: documented,
        });
    }
    Ok(enums)
}

/// The text of `generated/enums.rs`.
pub(crate) fn write(enums: &[OpenEnum]) -> String {
    let mut out = String::from(
        "//! The enums of the contract. Each keeps a value it does not know.\n\n\
         use crate::open_enum::open_enum;\n",
    );
    for item in enums {
        out.push_str("\nopen_enum! {\n");
        doc(&mut out, "    ", &item.description);
        _ = writeln!(out, "    pub enum {} {{", item.name);
        for (value, description) in &item.values {
            doc(&mut out, "        ", description);
            _ = writeln!(out, "        {} = {value:?},", variant_name(value));
        }
        out.push_str("    }\n}\n");
    }
    out
}

fn doc(out: &mut String, indent: &str, text: &str) {
    for line in text.lines() {
        let line = line.trim_end();
        let space = if line.is_empty() { "" } else { " " };
        _ = writeln!(out, "{indent}///{space}{line}");
    }
}

fn paragraph(text: Option<&str>, fallback: &str) -> String {
    match text.map(str::trim) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => format!("`{fallback}`."),
    }
}

/// `python-3.12-bare` becomes `Python3_12Bare`: words capitalised, and an underscore only where
/// two digits would otherwise run together.
fn variant_name(value: &str) -> String {
    let mut name = String::new();
    for word in value.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        let Some(first) = letters.next() else {
            continue;
        };
        if first.is_ascii_digit() && name.ends_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        name.push(first.to_ascii_uppercase());
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variants_read_well() {
        for (value, variant) in [
            ("running", "Running"),
            ("python-3.12", "Python3_12"),
            ("python-3.12-bare", "Python3_12Bare"),
            ("node-22", "Node22"),
            ("ubuntu-24.04", "Ubuntu24_04"),
            ("image_png", "ImagePng"),
            ("template.build_finished", "TemplateBuildFinished"),
            ("GET", "GET"),
        ] {
            assert_eq!(variant_name(value), variant);
        }
    }

    #[test]
    fn values_that_would_collide_are_refused() {
        let spec = json!({"components": {"schemas": {"Mode": {"enum": ["a-b", "a_b"]}}}});
        let error = find(&spec).err().expect("a collision");
        assert!(error.contains("Mode") && error.contains("a_b"), "{error}");
    }

    #[test]
    fn text_names_every_value_with_its_description() {
        let spec = json!({"components": {"schemas": {
            "Mode": {
                "type": "string",
                "description": "How.",
                "enum": ["off", "open"],
                "x-enum-descriptions": {"off": "Nothing."},
            },
            "Other": {"type": "string"},
        }}});
        let text = write(&find(&spec).expect("readable"));
        let expected = "\nopen_enum! {\n    /// How.\n    pub enum Mode {\n        /// Nothing.\n        \
                        Off = \"off\",\n        /// `open`.\n        Open = \"open\",\n    }\n}\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(!text.contains("Other"));
    }
}
