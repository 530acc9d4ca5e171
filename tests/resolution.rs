//! Where the API key and the base URL come from, and in which order.
//!
//! One test in a program of its own: it changes the environment and the default client.

mod support;

use orkestr::{Client, ErrorKind, Sandbox, default_client, set_default_client};
use serde_json::json;
use support::{Answer, KEY, Recorder};

/// The key and the server that a call without or with its own ones used.
async fn used(recorder: &Recorder, key: Option<&str>, base_url: Option<String>) -> String {
    let mut list = Sandbox::list();
    if let Some(key) = key {
        list = list.api_key(key);
    }
    if let Some(base_url) = base_url {
        list = list.base_url(base_url);
    }
    list.await.expect("an empty list");
    recorder.request()["headers"]["authorization"].as_str().expect("a header").to_owned()
}

fn set(name: &str, value: Option<&str>) {
    // SAFETY: this is the only test of its program, and no other thread reads the environment.
    unsafe {
        match value {
            Some(value) => std::env::set_var(name, value),
            None => std::env::remove_var(name),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn call_then_default_client_then_environment() {
    let empty = || [Answer::json(200, &json!({"sandboxes": []}))];
    let (by_env, by_client) = (Recorder::start(empty()).await, Recorder::start(empty()).await);
    set("ORKESTR_API_KEY", None);
    set("ORKESTR_BASE_URL", Some(&by_env.base_url()));

    // Nothing: an error that says where, before any request.
    for empty in [None, Some(""), Some("  ")] {
        set("ORKESTR_API_KEY", empty);
        let error = Sandbox::list().await.expect_err("no key");
        assert_eq!(error.kind(), ErrorKind::Auth);
        for place in ["api_key", "set_default_client", "ORKESTR_API_KEY"] {
            assert!(error.message().contains(place), "{error}");
        }
        assert!(Client::from_env().expect_err("no key").is_auth());
    }
    assert!(by_env.requests().is_empty());

    // The environment, with and without a trailing slash; the call's key and URL go before it.
    set("ORKESTR_API_KEY", Some(KEY));
    set("ORKESTR_BASE_URL", Some(&format!("{}/", by_env.base_url())));
    assert_eq!(used(&by_env, None, None).await, "Bearer [the key]");
    assert_eq!(by_env.request()["path"], "/v1/sandboxes");
    assert_eq!(used(&by_env, Some("ork_call"), None).await, "[other]");
    assert_eq!(used(&by_client, None, Some(by_client.base_url())).await, "Bearer [the key]");
    let sent = (by_env.requests().len(), by_client.requests().len());

    // The default client goes before the environment, the call before the default client.
    let other = Client::builder().api_key("ork_other").base_url(by_client.base_url()).build();
    set_default_client(other.expect("a valid client"));
    assert!(default_client().is_some());
    assert_eq!(used(&by_client, None, None).await, "[other]");
    assert_eq!(used(&by_client, Some(KEY), None).await, "Bearer [the key]");
    assert_eq!(used(&by_env, None, Some(by_env.base_url())).await, "[other]");
    let explicit = Client::builder().api_key(KEY).base_url(by_env.base_url()).build();
    Sandbox::list().client(&explicit.expect("a valid client")).await.expect("an empty list");
    assert_eq!(by_env.request()["headers"]["authorization"], "Bearer [the key]");
    assert_eq!((by_env.requests().len(), by_client.requests().len()), (sent.0 + 2, sent.1 + 2));

    set_default_client(None);
    assert!(default_client().is_none());
    assert_eq!(used(&by_env, None, None).await, "Bearer [the key]");
}
