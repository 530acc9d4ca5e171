use std::time::Duration;

use super::{Answer, Scope, from_answer};
use crate::{Error, ErrorKind};

fn classify(scope: Scope, status: u16, retry_after: Option<&str>, body: &str) -> Error {
    let request_id = Some("req_1".to_owned());
    let answer = Answer { status, request_id, retry_after, body: body.as_bytes() };
    from_answer(&answer, scope)
}

#[test]
fn every_documented_case() {
    use ErrorKind::*;
    let cases: &[(Scope, u16, &str, ErrorKind)] = &[
        // A code decides, whatever the status.
        (
            Scope::Sandbox,
            409,
            r#"{"detail": "d", "code": "snapshot_cap_reached"}"#,
            SnapshotCapReached,
        ),
        (
            Scope::Sandbox,
            400,
            r#"{"detail": "d", "code": "network_policy_blocked"}"#,
            NetworkPolicy,
        ),
        (Scope::Sandbox, 408, r#"{"detail": "d", "code": "exec_timeout"}"#, ExecTimeout),
        (Scope::Sandbox, 504, r#"{"detail": "d", "code": "exec_timeout"}"#, ExecTimeout),
        (Scope::Sandbox, 500, r#"{"detail": "d", "code": "exec_killed", "signal": 9}"#, ExecKilled),
        (Scope::Sandbox, 503, r#"{"detail": "d", "code": "fleet_full_retry"}"#, FleetFull),
        (
            Scope::Sandbox,
            409,
            r#"{"detail": "d", "code": "interpreter_unavailable"}"#,
            InterpreterUnavailable,
        ),
        (Scope::Sandbox, 402, r#"{"detail": "d", "code": "plan_limit"}"#, PlanLimit),
        (Scope::Sandbox, 402, r#"{"detail": "d", "code": "usage_exhausted"}"#, PlanLimit),
        (Scope::Sandbox, 429, r#"{"detail": "d", "code": "session_cap_reached"}"#, PlanLimit),
        (Scope::Sandbox, 403, r#"{"detail": "d", "code": "trial_exhausted"}"#, PlanLimit),
        (Scope::Sandbox, 403, r#"{"detail": "d", "code": "lifetime_cap_reached"}"#, PlanLimit),
        (Scope::Sandbox, 409, r#"{"detail": "d", "code": "volume_in_use"}"#, Conflict),
        (Scope::Files, 404, r#"{"detail": "d", "code": "file_not_found"}"#, NotFound),
        (Scope::Files, 404, r#"{"detail": "d", "code": "sandbox_not_found"}"#, SandboxNotFound),
        (Scope::Files, 400, r#"{"detail": "d", "code": "is_a_directory"}"#, IsADirectory),
        (Scope::Files, 400, r#"{"detail": "d", "code": "not_a_directory"}"#, NotADirectory),
        (Scope::Files, 403, r#"{"detail": "d", "code": "not_permitted"}"#, Api),
        // Without a code, or with one of the future, the status does.
        (Scope::Sandbox, 401, r#"{"detail": "d"}"#, Auth),
        (Scope::Sandbox, 403, r#"{"detail": "d"}"#, Auth),
        (Scope::Sandbox, 403, r#"{"detail": "d", "code": "x_future"}"#, Auth),
        (Scope::Files, 403, r#"{"detail": "d"}"#, Auth),
        (Scope::Files, 403, r#"{"detail": "d", "code": "insufficient_scope"}"#, Auth),
        (Scope::Resource, 404, r#"{"detail": "d"}"#, NotFound),
        (Scope::Resource, 409, r#"{"detail": "d"}"#, Conflict),
        (Scope::Within, 404, r#"{"detail": "d"}"#, NotFound),
        (Scope::Within, 409, r#"{"detail": "d"}"#, SandboxNotReady),
        (Scope::Sandbox, 404, r#"{"detail": "d"}"#, SandboxNotFound),
        (Scope::Files, 404, r#"{"detail": "d"}"#, NotFound),
        (Scope::Sandbox, 409, r#"{"detail": "d"}"#, SandboxNotReady),
        (Scope::Files, 409, r#"{"detail": "d"}"#, SandboxNotReady),
        (Scope::Sandbox, 429, r#"{"detail": "d"}"#, RateLimit),
        (Scope::Sandbox, 400, r#"{"detail": "d"}"#, Api),
        (Scope::Sandbox, 402, r#"{"detail": "d"}"#, Api),
        (Scope::Sandbox, 422, r#"{"detail": "d", "code": "x_future"}"#, Api),
        (Scope::Sandbox, 500, r#"{"detail": "d"}"#, Api),
        (Scope::Sandbox, 503, r#"{"detail": "d"}"#, Api),
    ];
    for (scope, status, body, kind) in cases {
        let error = classify(*scope, *status, None, body);
        assert_eq!(error.kind(), *kind, "{status} {body}");
        assert_eq!(error.status(), Some(*status));
        assert_eq!((error.message(), error.detail()), ("d", Some("d")), "{status} {body}");
        assert_eq!(error.request_id(), Some("req_1"));
    }
}

#[test]
fn predicates_follow_the_hierarchy() {
    let capped = classify(Scope::Sandbox, 409, None, r#"{"code": "snapshot_cap_reached"}"#);
    assert!(capped.is_snapshot_cap_reached() && capped.is_plan_limit());
    assert!(!capped.is_sandbox_not_ready());
    let missing = classify(Scope::Files, 404, None, "{}");
    assert!(missing.is_not_found() && !missing.is_sandbox_not_found());
    for (status, transient) in [(429, true), (500, false), (502, true), (504, true), (404, false)] {
        assert_eq!(
            classify(Scope::Sandbox, status, None, "").is_transient(),
            transient,
            "{status}"
        );
    }
}

#[test]
fn a_body_that_is_not_ours_keeps_its_status() {
    let html = "<html><h1>502 Bad Gateway</h1></html>";
    for body in [html, "", "[]", "null", "17", "\"text\"", "{", "{}", r#"{"detail": null}"#] {
        let error = classify(Scope::Sandbox, 502, None, body);
        assert_eq!((error.kind(), error.status()), (ErrorKind::Api, Some(502)), "{body}");
        assert!(!error.to_string().contains("<html>"), "{error}");
        assert!(error.to_string().contains("502"), "{error}");
    }
    let broken = Answer { status: 500, request_id: None, retry_after: None, body: b"\xff\xfe" };
    assert_eq!(from_answer(&broken, Scope::Sandbox).kind(), ErrorKind::Api);
    let text = classify(Scope::Sandbox, 503, None, "upstream connect error\n");
    assert_eq!(text.message(), "upstream connect error");
}

#[test]
fn a_validation_list_names_its_fields() {
    let body = r#"{"detail": [
        {"loc": ["body", "timeout_seconds"], "msg": "must be at most 3600", "type": "less_than_equal",
         "input": "sk-secret"},
        {"loc": ["body", "files", 3, "path"], "msg": "must be absolute", "type": "value_error"},
        {"loc": ["body"], "msg": "must be an object", "type": "type_error"},
        {"msg": "no place"},
        {"loc": ["query", "limit"]},
        "a bare text"
    ]}"#;
    let error = classify(Scope::Sandbox, 422, None, body);
    let expected = "timeout_seconds: must be at most 3600; files.3.path: must be absolute; \
                    body: must be an object; no place; limit: not valid; a bare text";
    assert_eq!(error.message(), expected);
    assert_eq!(error.detail(), Some(expected));
    assert!(!format!("{error:?} {error}").contains("sk-secret"));
}

#[test]
fn a_validation_list_says_more_than_the_message_beside_it() {
    let body = r#"{"message": "Validation error", "detail": [{"loc": ["body", "cpu"], "msg": "too large"}]}"#;
    assert_eq!(classify(Scope::Sandbox, 422, None, body).message(), "cpu: too large");
}

#[test]
fn a_gateways_envelope_is_opened() {
    let body = r#"{"error": {"code": "fleet_full_retry", "message": "full", "retry_after": "7"}}"#;
    let error = classify(Scope::Sandbox, 503, None, body);
    assert_eq!((error.kind(), error.message()), (ErrorKind::FleetFull, "full"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn a_detail_that_is_an_object_is_read_like_the_body() {
    let body = r#"{"detail": {"code": "exec_killed", "message": "ended", "signal": 15}}"#;
    let error = classify(Scope::Sandbox, 500, None, body);
    assert_eq!(error.kind(), ErrorKind::ExecKilled);
    assert_eq!((error.code(), error.signal()), (Some("exec_killed"), Some(15)));
    assert_eq!((error.message(), error.detail()), ("ended", Some("ended")));
}

#[test]
fn message_wins_over_detail_for_people() {
    let error = classify(Scope::Sandbox, 400, None, r#"{"detail": "d", "message": "m"}"#);
    assert_eq!((error.message(), error.detail()), ("m", Some("d")));
}

#[test]
fn the_header_wins_over_the_body_and_rubbish_is_no_wait() {
    let body = r#"{"detail": "d", "retry_after": 2.5}"#;
    for (header, expected) in [
        (Some("7"), Some(Duration::from_secs(7))),
        (Some(" 0 "), Some(Duration::ZERO)),
        (None, Some(Duration::from_millis(2500))),
        (Some("soon"), Some(Duration::from_millis(2500))),
        (Some("-1"), Some(Duration::from_millis(2500))),
        (Some("nan"), Some(Duration::from_millis(2500))),
        (Some("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO)),
    ] {
        let error = classify(Scope::Sandbox, 429, header, body);
        assert_eq!(error.retry_after(), expected, "{header:?}");
    }
    let none = classify(Scope::Sandbox, 429, None, r#"{"retry_after": "x"}"#);
    assert_eq!(none.retry_after(), None);
}

#[test]
fn display_says_what_support_asks_for() {
    let body = r#"{"detail": "Sandbox sbx_1 not found", "code": "gone"}"#;
    let error = classify(Scope::Sandbox, 404, None, body);
    assert_eq!(
        error.to_string(),
        "sandbox not found: Sandbox sbx_1 not found (HTTP 404, code gone, request id req_1)"
    );
}

#[test]
fn a_key_that_the_server_repeats_is_hidden() {
    let error = classify(Scope::Sandbox, 401, None, r#"{"detail": "bad key ork_abc"}"#);
    let error = error.without("ork_abc");
    assert_eq!(error.message(), "bad key ***");
    assert!(!format!("{error:?}").contains("ork_abc"));
}

#[test]
fn an_error_is_one_word_wide_and_travels() {
    fn travels<T: Send + Sync + std::error::Error + 'static>() {}
    travels::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
