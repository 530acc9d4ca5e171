//! Creating, finding, listing and ending sandboxes, against the local server.

mod local_support;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;
use local_support::{TEMPLATE, TestResult, failure, refused, sandbox, server};
use orkestr::{
    Client, Error, ErrorKind, NetworkMode, OnTimeout, Sandbox, SandboxSize, SandboxStatus,
    Timestamp,
};

/// Well-formed, and nobody's.
const NOBODY: &str = "sbx_00000000000000000000000000";

#[tokio::test]
async fn a_new_sandbox_runs_and_tells_what_it_was_created_with() -> TestResult {
    let server = server().await;
    let before = Timestamp::from(SystemTime::now());
    let sbx = Sandbox::create("python-3.12")
        .client(&server.client())
        .cpu(1.5)
        .memory_mb(512)
        .network(NetworkMode::Off)
        .timeout(Duration::from_secs(120))
        .on_timeout(OnTimeout::Pause)
        .auto_resume(true)
        .preview_auth(true)
        .region("fsn1")
        .metadata("agent_run", "r_42")
        .metadata("a [b]=c&d", "\u{20ac} \"'%\n")
        .await?;
    let after = Timestamp::from(SystemTime::now());

    assert!(sbx.id().starts_with("sbx_") && sbx.id().len() == "sbx_".len() + 26, "{}", sbx.id());
    assert_eq!(sbx.status(), SandboxStatus::Running);
    assert_eq!((sbx.template().as_str(), sbx.network()), ("python-3.12", NetworkMode::Off));
    assert_eq!((sbx.cpu(), sbx.memory_mb(), sbx.region().as_str()), (1.5, 512, "fsn1"));
    assert_eq!((sbx.on_timeout(), sbx.auto_resume()), (Some(OnTimeout::Pause), Some(true)));
    assert_eq!(sbx.preview_auth(), Some(true));
    assert!(sbx.preview_auth_token().is_some_and(|token| !token.expose().is_empty()));
    assert!((before..=after).contains(&sbx.created_at()), "{sbx:?}");
    let lifetime = sbx.expires_at().duration_since(sbx.created_at()).expect("later");
    assert_eq!(lifetime.as_secs_f64().round(), 120.0);
    let metadata = [("agent_run", "r_42"), ("a [b]=c&d", "\u{20ac} \"'%\n")];
    assert_eq!(sbx.metadata(), BTreeMap::from(metadata.map(|(k, v)| (k.into(), v.into()))));
    assert_eq!((sbx.volume(), sbx.paused_expires_at()), (None, None));
    Ok(())
}

#[tokio::test]
async fn what_is_not_set_has_the_references_defaults() -> TestResult {
    let server = server().await;
    let client = server.client();
    let sbx = Sandbox::create(TEMPLATE).client(&client).await?;
    assert_eq!((sbx.cpu(), sbx.memory_mb(), sbx.network()), (1.0, 2048, NetworkMode::Off));
    assert_eq!(sbx.on_timeout(), Some(OnTimeout::Kill));
    assert_eq!((sbx.auto_resume(), sbx.preview_auth()), (Some(false), Some(false)));
    assert!(sbx.preview_auth_token().is_none());
    assert!(sbx.metadata().is_empty());
    let lifetime = sbx.expires_at().duration_since(sbx.created_at()).expect("later");
    assert_eq!(lifetime.as_secs_f64().round(), 600.0);

    for (size, cpu, memory_mb) in [
        (SandboxSize::Small, 1.0, 1024),
        (SandboxSize::Medium, 2.0, 4096),
        (SandboxSize::Large, 4.0, 8192),
    ] {
        let sbx = Sandbox::create(TEMPLATE).client(&client).size(size).await?;
        assert_eq!((sbx.cpu(), sbx.memory_mb()), (cpu, memory_mb));
    }
    Ok(())
}

#[tokio::test]
async fn every_template_of_the_reference_can_be_created() -> TestResult {
    let server = server().await;
    for template in ["python-3.12", "python-3.12-bare", "node-22", "ubuntu-24.04", "debian-12"] {
        let sbx = Sandbox::create(template).client(&server.client()).await?;
        assert_eq!(sbx.template(), template);
        assert_eq!(sbx.exec("echo here").await?.stdout, "here\n");
    }
    Ok(())
}

#[tokio::test]
async fn another_client_attaches_by_the_id() -> TestResult {
    let (server, created) = sandbox().await;
    created.files().write("/workspace/note", "from the first").await?;
    let found = Sandbox::get(created.id()).client(&server.client()).await?;
    assert_eq!(*found.info(), *created.info());
    assert_eq!(found.files().read("/workspace/note").await?, "from the first");
    Ok(())
}

#[tokio::test]
async fn the_list_is_newest_first_and_can_be_filtered() -> TestResult {
    let server = server().await;
    let client = server.client();
    let mut created = Vec::new();
    for (team, run) in [("a", "1"), ("a", "2"), ("b", "2")] {
        let create = Sandbox::create(TEMPLATE).metadata("the team", team).metadata("run", run);
        created.push(create.client(&client).await?);
    }
    let [first, second, third] = &created[..] else { unreachable!() };
    first.terminate().await?;

    let list = || Sandbox::list().client(&client);
    for (list, expected) in [
        (list(), vec![third, second, first]),
        (list().status(SandboxStatus::Running), vec![third, second]),
        (list().status("terminated"), vec![first]),
        (list().status(SandboxStatus::Paused), vec![]),
        (list().metadata("the team", "a"), vec![second, first]),
        (list().metadata("run", "2"), vec![third, second]),
        (list().metadata("the team", "a").metadata("run", "2"), vec![second]),
        (list().metadata("the team", "a").status(SandboxStatus::Running), vec![second]),
        (list().metadata("the team", "A"), vec![]),
        (list().metadata("nobody's", "a"), vec![]),
    ] {
        let found = list.clone().await?;
        let ids: Vec<_> = found.iter().map(Sandbox::id).collect();
        let expected: Vec<_> = expected.into_iter().map(Sandbox::id).collect();
        assert_eq!(ids, expected, "{list:?}");
    }
    let found = list().metadata("run", "1").await?;
    assert_eq!(found[0].status(), SandboxStatus::Terminated);
    assert_eq!(found[0].metadata(), first.metadata());
    Ok(())
}

#[tokio::test]
async fn pages_are_followed_and_asked_for_only_when_needed() -> TestResult {
    let server = server().await;
    let client = server.client();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, Sandbox::create(TEMPLATE).client(&client).await?.id().to_owned());
    }
    let list = Sandbox::list().client(&client).status(SandboxStatus::Running).page_size(1);
    let all = list.clone().await?;
    assert_eq!(all.iter().map(Sandbox::id).collect::<Vec<_>>(), ids);

    let mut stream = list.stream();
    let mut seen = vec![stream.try_next().await?.expect("the newest").id().to_owned()];
    // What happens between two pages shows in the later one.
    all[2].terminate().await?;
    Sandbox::create(TEMPLATE).client(&client).await?;
    while let Some(sbx) = stream.try_next().await? {
        seen.push(sbx.id().to_owned());
    }
    assert_eq!(seen, ids[..2]);
    Ok(())
}

#[tokio::test]
async fn a_terminated_sandbox_stays_so_and_runs_nothing() -> TestResult {
    let (server, sbx) = sandbox().await;
    sbx.files().write("/workspace/a", "b").await?;
    let other = Sandbox::get(sbx.id()).client(&server.client()).await?;
    sbx.terminate().await?;
    assert_eq!(sbx.status(), SandboxStatus::Terminated);
    sbx.terminate().await?;
    other.terminate().await?;

    other.refresh().await?;
    assert_eq!(other.status(), SandboxStatus::Terminated);
    let files = sbx.files();
    let minute = Duration::from_secs(60);
    for (call, outcome) in [
        ("exec", sbx.exec("true").await.map(drop)),
        ("exec_stream", sbx.exec_stream("true").await.map(drop)),
        ("write", files.write("/workspace/a", "c").await),
        ("read", files.read("/workspace/a").await.map(drop)),
        ("list", files.list("/workspace").await.map(drop)),
        ("delete", files.delete("/workspace/a").await),
        ("pause", sbx.pause().await.map(drop)),
        ("resume", Sandbox::resume(sbx.id()).client(&server.client()).await.map(drop)),
        ("set_timeout", sbx.set_timeout(minute).await),
    ] {
        let error = failure(outcome, ErrorKind::SandboxNotReady);
        assert_eq!(error.status(), Some(409), "{call}");
        assert!(error.message().contains(sbx.id()), "{call}: {error}");
    }
    Ok(())
}

/// Every call that names a sandbox by an id of the caller's.
async fn calls_with(id: &str, client: &Client) -> [Result<(), Error>; 2] {
    [
        Sandbox::get(id).client(client).await.map(drop),
        Sandbox::resume(id).client(client).await.map(drop),
    ]
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let server = server().await;
    for id in [NOBODY, "sbx_x", "x", "%2e%2e", "limits", "\u{20ac}", "sbx_\u{2044}x"] {
        for outcome in calls_with(id, &server.client()).await {
            let error = failure(outcome, ErrorKind::SandboxNotFound);
            assert_eq!(error.status(), Some(404), "{id}: {error}");
        }
    }
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_not_sent() {
    let server = server().await;
    for id in ["", ".", "..", "a/b", "../files", "a\\b", "..\\x", "a?b", "a#b", "a b", "a\nb"] {
        for outcome in calls_with(id, &server.client()).await {
            refused(outcome);
        }
    }
}

#[tokio::test]
async fn a_parameter_out_of_bounds_is_a_422_that_names_it() {
    let server = server().await;
    let client = server.client();
    let create = || Sandbox::create(TEMPLATE).client(&client);
    let keys =
        |count: u32| (0..count).fold(create(), |create, n| create.metadata(n.to_string(), "v"));
    let secs = Duration::from_secs;
    for (create, field) in [
        (Sandbox::create("cobol-68").client(&client), "template"),
        (Sandbox::create("").client(&client), "template"),
        (keys(17), "metadata"),
        (create().metadata("run", "\u{20ac}".repeat(257)), "metadata.run"),
        (create().timeout(secs(9)), "timeout_seconds"),
        (create().timeout(secs(3601)), "timeout_seconds"),
        (create().size("giant"), "size"),
        (create().network("wide"), "network"),
        (create().on_timeout("sleep"), "on_timeout"),
        (create().cpu(-1.0), "cpu"),
        (create().memory_mb(0), "memory_mb"),
        (create().env("A=B", "c"), "env"),
        (create().allow_domains(["github.com"]), "allow_domains"),
    ] {
        let error = failure(create.await, ErrorKind::Api);
        assert_eq!(error.status(), Some(422), "{field}: {error}");
        assert!(error.message().starts_with(field), "{field}: {error}");
    }
    for create in [
        keys(16),
        create().metadata("run", "\u{20ac}".repeat(256)),
        create().timeout(secs(10)),
        create().timeout(secs(3600)),
    ] {
        let created = create.clone().await;
        assert!(created.is_ok(), "{create:?}: {created:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_everywhere() -> TestResult {
    let (server, sbx) = sandbox().await;
    let right = server.client();
    let wrong = Client::builder().base_url(server.base_url()).api_key("ork_wrong").build()?;
    let [get, resume] = calls_with(sbx.id(), &wrong).await;
    for outcome in [
        get,
        resume,
        Sandbox::create(TEMPLATE).client(&wrong).await.map(drop),
        Sandbox::list().client(&wrong).await.map(drop),
        Sandbox::list().client(&right).api_key("ork_wrong").await.map(drop),
        Sandbox::get(NOBODY).client(&wrong).await.map(drop),
    ] {
        let error = failure(outcome, ErrorKind::Auth);
        assert_eq!(error.status(), Some(401), "{error}");
        assert!(!format!("{error} {error:?}").contains("ork_wrong"), "the key is in the error");
    }
    // The key of one call is that call's alone.
    assert_eq!(Sandbox::list().client(&right).await?.len(), 1);
    let url = server.base_url();
    let found =
        Sandbox::list().client(&wrong).api_key(server.api_key().clone()).base_url(url).await?;
    assert_eq!(found[0].id(), sbx.id());
    Ok(())
}

#[tokio::test]
async fn each_error_has_a_request_id_of_its_own() {
    let server = server().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let outcome = Sandbox::get(NOBODY).client(&server.client()).await;
        let error = failure(outcome, ErrorKind::SandboxNotFound);
        ids.push(error.request_id().expect("an id").to_owned());
        assert!(error.to_string().contains(&ids[ids.len() - 1]), "{error}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
