//! The contract, narrowed to what progenitor turns into a client that forgives.
//!
//! - Failures are dropped: each then arrives as a whole response, which one function classifies.
//! - Every success becomes `2XX`, so 200 in place of 201 is no error.
//! - An operation that answers with JSON or with server-sent events becomes two.
//! - Bounds and defaults go: they would refuse answers, or send what the caller never set.
//! - An optional property of any type takes null for absent.
//! - `deepObject` queries become a type that writes the keys itself.

use serde_json::{Map, Value, json};

/// Names the type that replaces a `deepObject` parameter's schema.
pub(crate) const METADATA_QUERY: &str = "MetadataQuery";

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// # Errors
///
/// A place of the contract that cannot be lowered, by its path.
pub(crate) fn lower(mut spec: Value) -> Result<Value, String> {
    let root = spec.as_object_mut().ok_or("the contract is not an object")?;
    for key in ["security", "servers", "tags"] {
        root.remove(key);
    }
    lower_components(root)?;
    let paths =
        root.get_mut("paths").and_then(Value::as_object_mut).ok_or("the contract has no paths")?;
    let mut streams = Vec::new();
    for (path, item) in paths.iter_mut() {
        let item = item.as_object_mut().ok_or_else(|| format!("{path} is not an object"))?;
        let shared = item.get("parameters").cloned();
        for method in METHODS {
            let Some(operation) = item.get_mut(method) else {
                continue;
            };
            let place = format!("{method} {path}");
            let operation =
                operation.as_object_mut().ok_or_else(|| format!("{place} is not an object"))?;
            if let Some(stream) = lower_operation(operation, &place)? {
                let mut twin = Map::new();
                twin.insert(method.to_owned(), stream);
                if let Some(shared) = &shared {
                    twin.insert("parameters".to_owned(), shared.clone());
                }
                streams.push((format!("{path}#stream"), twin));
            }
        }
    }
    // The fragment makes the path a key of its own and never reaches the wire.
    for (path, mut twin) in streams {
        if let Some(parameters) = twin.get_mut("parameters") {
            lower_parameters(parameters, &path)?;
        }
        paths.insert(path, Value::Object(twin));
    }
    for (path, item) in paths.iter_mut() {
        if let Some(parameters) = item.get_mut("parameters") {
            lower_parameters(parameters, path)?;
        }
    }
    Ok(spec)
}

/// The named objects for which typify does not derive `Default` by itself.
#[cfg(all(feature = "regenerate", not(test)))]
pub(crate) fn objects_with_required_members(lowered: &Value) -> Vec<&str> {
    let schemas = lowered.pointer("/components/schemas").and_then(Value::as_object);
    let wanted = |schema: &Value| {
        let required = schema.get("required").and_then(Value::as_array);
        schema.get("properties").is_some() && required.is_some_and(|names| !names.is_empty())
    };
    let named = schemas.into_iter().flatten().filter(|(_, schema)| wanted(schema));
    named.map(|(name, _)| name.as_str()).collect()
}

fn lower_components(root: &mut Map<String, Value>) -> Result<(), String> {
    let components = root
        .get_mut("components")
        .and_then(Value::as_object_mut)
        .ok_or("the contract has no components")?;
    for key in ["responses", "headers", "examples", "securitySchemes", "callbacks", "links"] {
        components.remove(key);
    }
    if let Some(parameters) = components.get_mut("parameters").and_then(Value::as_object_mut) {
        for (name, parameter) in parameters {
            lower_parameter(parameter, name)?;
        }
    }
    let schemas = components
        .get_mut("schemas")
        .and_then(Value::as_object_mut)
        .ok_or("the contract has no components/schemas")?;
    for (name, schema) in schemas.iter_mut() {
        // A named enum is replaced by an open one; elsewhere it would stay closed.
        if schema.get("enum").is_none() {
            lower_schema(schema, name)?;
        }
    }
    schemas.insert(METADATA_QUERY.to_owned(), json!({"type": "object"}));
    Ok(())
}

fn lower_operation(
    operation: &mut Map<String, Value>,
    place: &str,
) -> Result<Option<Value>, String> {
    operation.remove("security");
    operation.remove("callbacks");
    operation.remove("tags");
    if let Some(parameters) = operation.get_mut("parameters") {
        lower_parameters(parameters, place)?;
    }
    if let Some(content) = operation.get_mut("requestBody").and_then(|body| body.get_mut("content"))
    {
        lower_content(content, place)?;
    }
    let responses = operation
        .get("responses")
        .and_then(Value::as_object)
        .ok_or_else(|| format!("{place} has no responses"))?;
    let mut successes = responses.iter().filter(|(status, _)| status.starts_with('2'));
    let (status, success) =
        successes.next().ok_or_else(|| format!("{place} has no success response"))?;
    if successes.next().is_some() {
        return Err(format!("{place} has several success responses; describe one"));
    }
    let description = success.get("description").cloned().unwrap_or_else(|| json!("Success."));
    let optional = success.get("x-body-optional") == Some(&Value::Bool(true));
    let mut content = success
        .get("content")
        .filter(|_| !optional && status != "204")
        .cloned()
        .unwrap_or_else(|| json!({}));
    lower_content(&mut content, place)?;
    let content = content.as_object_mut().ok_or_else(|| format!("{place}: content"))?;
    let stream = content.remove("text/event-stream");
    let answer = |content: Value| {
        let response = if content.as_object().is_some_and(Map::is_empty) {
            json!({"description": description})
        } else {
            json!({"description": description, "content": content})
        };
        json!({"2XX": response})
    };
    let twin = stream.map(|_| {
        let mut twin = operation.clone();
        let id = twin.get("operationId").and_then(Value::as_str).unwrap_or_default();
        twin.insert("operationId".to_owned(), json!(format!("{id}_stream")));
        twin.insert("responses".to_owned(), answer(json!({"text/event-stream": {}})));
        Value::Object(twin)
    });
    let responses = answer(Value::Object(std::mem::take(content)));
    operation.insert("responses".to_owned(), responses);
    Ok(twin)
}

fn lower_content(content: &mut Value, place: &str) -> Result<(), String> {
    for media in content.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Some(media) = media.as_object_mut() {
            media.remove("example");
            media.remove("examples");
            media.retain(|key, _| !key.starts_with("x-"));
        }
        if let Some(schema) = media.get_mut("schema") {
            lower_schema(schema, place)?;
        }
    }
    Ok(())
}

fn lower_parameters(parameters: &mut Value, place: &str) -> Result<(), String> {
    for parameter in parameters.as_array_mut().into_iter().flatten() {
        lower_parameter(parameter, place)?;
    }
    Ok(())
}

fn lower_parameter(parameter: &mut Value, place: &str) -> Result<(), String> {
    let Some(map) = parameter.as_object_mut() else {
        return Ok(());
    };
    map.remove("example");
    map.remove("examples");
    if map.get("style") == Some(&json!("deepObject")) {
        map.insert("style".to_owned(), json!("form"));
        let schema = json!({"$ref": format!("#/components/schemas/{METADATA_QUERY}")});
        map.insert("schema".to_owned(), schema);
    } else if let Some(schema) = map.get_mut("schema") {
        lower_schema(schema, place)?;
    }
    Ok(())
}

fn lower_schema(schema: &mut Value, place: &str) -> Result<(), String> {
    let Some(map) = schema.as_object_mut() else {
        return Ok(());
    };
    if map.contains_key("enum") {
        return Err(format!(
            "{place}: an inline enum would be closed; name it under components/schemas"
        ));
    }
    map.retain(|key, _| !is_bound(key) && !key.starts_with("x-"));
    if map.get("additionalProperties") == Some(&Value::Bool(false)) {
        map.remove("additionalProperties");
    }
    if let Some(description) = map.get_mut("description") {
        *description = json!(without_code_blocks(description.as_str().unwrap_or_default()));
    }
    if let Some(reference) = sole_reference(map) {
        // `allOf` with one member is how 3.0 says "nullable" beside `$ref`; an optional property
        // takes null anyway, and the plain reference keeps the type's name.
        *schema = json!({"$ref": reference});
        return Ok(());
    }
    let required = map.get("required").cloned();
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            let place = format!("{place}.{name}");
            let is_required = required
                .as_ref()
                .and_then(Value::as_array)
                .is_some_and(|names| names.iter().any(|required| required == name));
            if is_required && property.get("allOf").is_some() && property.get("nullable").is_some()
            {
                return Err(format!("{place}: a required reference cannot be nullable too"));
            }
            lower_schema(property, &place)?;
            if let (false, Some(property)) = (is_required, property.as_object_mut())
                && property.contains_key("type")
            {
                property.insert("nullable".to_owned(), Value::Bool(true));
            }
        }
    }
    for key in ["items", "additionalProperties", "not"] {
        if let Some(inner) = map.get_mut(key) {
            lower_schema(inner, &format!("{place}.{key}"))?;
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for inner in map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            lower_schema(inner, place)?;
        }
    }
    Ok(())
}

fn sole_reference(map: &Map<String, Value>) -> Option<Value> {
    match map.get("allOf")?.as_array()?.as_slice() {
        [only] if !map.contains_key("properties") => only.get("$ref").cloned(),
        _ => None,
    }
}

fn is_bound(key: &str) -> bool {
    matches!(
        key,
        "default"
            | "example"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "multipleOf"
            | "pattern"
            | "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "uniqueItems"
            | "minProperties"
            | "maxProperties"
    )
}

/// Code in a description would become a doctest.
fn without_code_blocks(text: &str) -> String {
    let mut fenced = false;
    let kept = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence && !line.starts_with("    ")
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[path = "lower_tests.rs"]
mod tests;
