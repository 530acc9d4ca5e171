use serde_json::{Value, json};

use super::{METADATA_QUERY, lower};

fn lowered(paths: Value, schemas: Value) -> Value {
    lower(json!({
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"schemas": schemas, "responses": {"Error": {"description": "e"}}},
    }))
    .expect("can be lowered")
}

fn one_schema(schema: Value) -> Value {
    let spec = lowered(json!({}), json!({"Thing": schema}));
    spec.pointer("/components/schemas/Thing").expect("still there").clone()
}

fn get_answering(responses: Value) -> Value {
    let operation = json!({"get": {"operationId": "look", "responses": responses}});
    lowered(json!({"/v1/x": operation}), json!({}))["paths"].clone()
}

#[test]
fn failures_go_and_any_success_status_fits() {
    let paths = get_answering(json!({
        "201": {"description": "made", "content": {"application/json": {"schema": {"type": "string"}}}},
        "404": {"$ref": "#/components/responses/Error"},
        "default": {"$ref": "#/components/responses/Error"},
    }));
    assert_eq!(
        paths["/v1/x"]["get"]["responses"],
        json!({"2XX": {"description": "made",
            "content": {"application/json": {"schema": {"type": "string"}}}}})
    );
}

#[test]
fn an_answer_without_content_or_with_an_optional_body_is_empty() {
    let empty = json!({"2XX": {"description": "done"}});
    for success in [
        json!({"204": {"description": "done"}}),
        json!({"201": {"description": "done", "x-body-optional": true,
            "content": {"application/json": {"schema": {"type": "object"}}}}}),
    ] {
        assert_eq!(get_answering(success)["/v1/x"]["get"]["responses"], empty);
    }
}

#[test]
fn json_and_events_become_two_operations_with_the_same_parameters() {
    let parameter =
        json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}});
    let paths = lowered(
        json!({"/v1/{id}": {
            "parameters": [parameter],
            "post": {"operationId": "run", "responses": {"200": {"description": "ran", "content": {
                "application/json": {"schema": {"type": "object"}, "example": {}},
                "text/event-stream": {"schema": {"type": "string"}},
            }}}},
        }}),
        json!({}),
    )["paths"]
        .clone();
    let plain = &paths["/v1/{id}"]["post"];
    let stream = &paths["/v1/{id}#stream"]["post"];
    assert_eq!(plain["operationId"], "run");
    assert_eq!(
        plain["responses"]["2XX"]["content"],
        json!({"application/json": {"schema": {"type": "object"}}})
    );
    assert_eq!(stream["operationId"], "run_stream");
    assert_eq!(stream["responses"]["2XX"]["content"], json!({"text/event-stream": {}}));
    assert_eq!(paths["/v1/{id}#stream"]["parameters"], json!([parameter]));
}

#[test]
fn bounds_defaults_and_closed_objects_are_opened() {
    let thing = one_schema(json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["n"],
        "properties": {"n": {"type": "integer", "minimum": 10, "maximum": 3600, "default": 60}},
    }));
    assert_eq!(
        thing,
        json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}})
    );
}

#[test]
fn optional_properties_take_null_and_required_ones_do_not() {
    let thing = one_schema(json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}},
            "b": {"type": "array", "items": {"type": "string"}},
        },
    }));
    assert_eq!(thing["properties"]["a"].get("nullable"), None);
    assert_eq!(thing["properties"]["b"]["nullable"], true);
}

#[test]
fn a_nullable_reference_becomes_the_plain_reference() {
    let reference = json!({"$ref": "#/components/schemas/Mode"});
    let thing = one_schema(json!({
        "type": "object",
        "properties": {"mode": {"type": "string", "nullable": true, "allOf": [reference]}},
    }));
    assert_eq!(thing["properties"]["mode"], reference);
}

#[test]
fn deep_objects_become_the_query_type() {
    let paths = lowered(
        json!({"/v1/x": {"get": {
            "operationId": "look",
            "parameters": [{"name": "metadata", "in": "query", "style": "deepObject",
                "explode": true, "schema": {"type": "object"}}],
            "responses": {"200": {"description": "ok"}},
        }}}),
        json!({}),
    )["paths"]
        .clone();
    let parameter = &paths["/v1/x"]["get"]["parameters"][0];
    assert_eq!(parameter["style"], "form");
    assert_eq!(parameter["schema"]["$ref"], format!("#/components/schemas/{METADATA_QUERY}"));
}

#[test]
fn an_inline_enum_is_refused_by_its_place() {
    let spec = json!({"paths": {}, "components": {"schemas": {"Thing": {
        "type": "object", "properties": {"mode": {"type": "string", "enum": ["a"]}},
    }}}});
    let error = lower(spec).expect_err("an inline enum");
    assert!(error.starts_with("Thing.mode:"), "{error}");
}

#[test]
fn code_in_descriptions_is_dropped() {
    let thing = one_schema(json!({
        "type": "string",
        "description": "Before.\n```\nlet x = 1;\n```\n    indented\nAfter.",
    }));
    assert_eq!(thing["description"], "Before.\nAfter.");
}

#[test]
fn an_operation_without_a_success_is_an_error() {
    let spec = json!({
        "paths": {"/v1/x": {"get": {"operationId": "look", "responses": {"404": {}}}}},
        "components": {"schemas": {}},
    });
    let error = lower(spec).expect_err("no success");
    assert!(error.starts_with("get /v1/x"), "{error}");
}
