//! What a create body means, and what is wrong with one.

use std::time::Duration;

use orkestr::api::types::CreateSandboxRequest;
use orkestr::api::{NetworkMode, OnTimeout, SandboxSize, Template};

use crate::app::Config;
use crate::egress;
use crate::jail;
use crate::problem::{Issue, Problem};
use crate::sandbox::Facts;
use crate::{routes, volumes};

const METADATA_KEYS: usize = 16;
const METADATA_VALUE: usize = 256;
pub(crate) const LONGEST_LIFETIME: i64 = 3600;
const LIFETIME: std::ops::RangeInclusive<i64> = 10..=LONGEST_LIFETIME;
const CPUS: std::ops::RangeInclusive<f64> = 0.1..=64.0;
const MEMORY_MB: std::ops::RangeInclusive<i64> = 64..=262_144;

pub(crate) fn check(body: CreateSandboxRequest) -> Result<Facts, Problem> {
    let mut issues = Vec::new();
    let mut refuse = |path: &str, message: String| issues.push(Issue::body(path, message));

    match (&body.template, &body.snapshot) {
        (None, None) => refuse("template", "Field required: a template or a snapshot".into()),
        (Some(_), Some(_)) => refuse("snapshot", "Give a template or a snapshot, not both".into()),
        (Some(Template::Unknown(name)), None) => {
            let known = Template::KNOWN.join(", ");
            refuse("template", format!("'{}' is no template; known: {known}", name.as_str()));
        }
        (None, Some(_)) => {
            for (name, is_set) in fixed_by_snapshot(&body) {
                if is_set {
                    refuse(name, "Fixed by the snapshot; leave it out".into());
                }
            }
        }
        (Some(_), None) => {}
    }
    if let Some(SandboxSize::Unknown(size)) = &body.size {
        let known = SandboxSize::KNOWN.join(", ");
        refuse("size", format!("'{}' is no size; known: {known}", size.as_str()));
    }
    if let Some(NetworkMode::Unknown(mode)) = &body.network {
        let known = NetworkMode::KNOWN.join(", ");
        refuse("network", format!("'{}' is no network mode; known: {known}", mode.as_str()));
    }
    if let Some(OnTimeout::Unknown(action)) = &body.on_timeout {
        let known = OnTimeout::KNOWN.join(", ");
        refuse("on_timeout", format!("'{}' is no action; known: {known}", action.as_str()));
    }
    if body.allow_domains.is_some() && body.network != Some(NetworkMode::Restricted) {
        refuse("allow_domains", "Only with the network mode 'restricted'".into());
    }
    for (index, domain) in body.allow_domains.iter().flatten().enumerate() {
        if let Err(message) = egress::check_domain(domain) {
            refuse(&format!("allow_domains.{index}"), message);
        }
    }
    if let Some(volume) = &body.volume {
        // A name that there is not makes a new volume.
        if !volume.starts_with(volumes::ID_PREFIX)
            && let Err(message) = routes::volumes::check_name(volume)
        {
            refuse("volume", message);
        }
    }
    if body.cpu.is_some_and(|cpu| !CPUS.contains(&cpu)) {
        refuse("cpu", format!("Input should be from {} to {}", CPUS.start(), CPUS.end()));
    }
    if body.memory_mb.is_some_and(|memory| !MEMORY_MB.contains(&memory.0)) {
        let (least, most) = (MEMORY_MB.start(), MEMORY_MB.end());
        refuse("memory_mb", format!("Input should be from {least} to {most}"));
    }
    let metadata = body.metadata.unwrap_or_default();
    if metadata.len() > METADATA_KEYS {
        let count = metadata.len();
        refuse("metadata", format!("At most {METADATA_KEYS} keys are allowed, not {count}"));
    }
    for (key, value) in &metadata {
        let length = value.chars().count();
        if length > METADATA_VALUE {
            let message = format!("At most {METADATA_VALUE} characters are allowed, not {length}");
            refuse(&format!("metadata.{key}"), message);
        }
    }
    let env = body.env.unwrap_or_default();
    for (name, value) in &env {
        if let Err(message) = variable(name, value.expose()) {
            refuse(&format!("env.{name}"), message.into());
        }
    }
    if body.volume.is_some()
        && let Some(Err(issue)) = body.region.clone().map(routes::volumes::region)
    {
        issues.push(issue);
    }
    let timeout = lifetime(body.timeout_seconds.map_or(600, i64::from)).unwrap_or_else(|issue| {
        issues.push(issue);
        0
    });
    if !issues.is_empty() {
        return Err(Problem::invalid(issues));
    }

    let (cpu, memory_mb) = body.size.as_ref().and_then(shape).unwrap_or((1.0, 2048));
    Ok(Facts {
        template: body.template.unwrap_or_default(),
        network: body.network.unwrap_or(NetworkMode::Off),
        allow_domains: body.allow_domains,
        cpu: body.cpu.unwrap_or(cpu),
        memory_mb: body.memory_mb.map_or(memory_mb, i64::from),
        region: body.region.unwrap_or_else(|| "local".to_owned()),
        timeout: Duration::from_secs(timeout),
        on_timeout: body.on_timeout.unwrap_or(OnTimeout::Kill),
        auto_resume: body.auto_resume.unwrap_or(false),
        preview_auth: body.preview_auth.unwrap_or(false),
        env,
        metadata,
        volume: body.volume,
    })
}

fn fixed_by_snapshot(body: &CreateSandboxRequest) -> [(&'static str, bool); 7] {
    [
        ("size", body.size.is_some()),
        ("cpu", body.cpu.is_some()),
        ("memory_mb", body.memory_mb.is_some()),
        ("network", body.network.is_some()),
        ("allow_domains", body.allow_domains.is_some()),
        ("region", body.region.is_some()),
        ("volume", body.volume.is_some()),
    ]
}

/// What a snapshot decides of the sandbox that is made from it.
pub(crate) fn fork(facts: Facts, of: &Facts) -> Facts {
    let Facts { timeout, on_timeout, auto_resume, preview_auth, env, metadata, .. } = facts;
    Facts {
        timeout,
        on_timeout,
        auto_resume,
        preview_auth,
        env,
        metadata,
        volume: None,
        ..of.clone()
    }
}

/// The CPUs and the MiB of a size.
pub(crate) fn shape(size: &SandboxSize) -> Option<(f64, i64)> {
    match size {
        SandboxSize::Small => Some((1.0, 1024)),
        SandboxSize::Medium => Some((2.0, 4096)),
        SandboxSize::Large => Some((4.0, 8192)),
        _ => None,
    }
}

/// What a create body asks for by itself: the plan refuses that, and fits in what is left open.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) size: Option<SandboxSize>,
    pub(crate) cpu: bool,
    pub(crate) memory_mb: bool,
    pub(crate) timeout: bool,
    pub(crate) allow_domains: bool,
}

impl Wanted {
    pub(crate) fn of(body: &CreateSandboxRequest) -> Self {
        Self {
            size: body.size.clone(),
            cpu: body.cpu.is_some(),
            memory_mb: body.memory_mb.is_some(),
            timeout: body.timeout_seconds.is_some(),
            allow_domains: body.allow_domains.is_some(),
        }
    }
}

/// Whether the kernel can carry a variable.
pub(crate) fn variable(name: &str, value: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.contains(['=', '\0']) {
        Err("A variable's name should not be empty nor contain '=' or NUL")
    } else if value.contains('\0') {
        Err("A variable's value should not contain NUL")
    } else {
        Ok(())
    }
}

pub(crate) fn lifetime(seconds: i64) -> Result<u64, Issue> {
    let (least, most) = (LIFETIME.start(), LIFETIME.end());
    u64::try_from(seconds).ok().filter(|_| LIFETIME.contains(&seconds)).ok_or_else(|| {
        let message = format!("Input should be from {least} to {most}");
        Issue::body("timeout_seconds", message)
    })
}

/// What the proxy of a sandbox lets through; `None` where it has no proxy.
pub(crate) fn policy(facts: &Facts, config: &Config) -> Option<egress::Policy> {
    let domains = facts.allow_domains.as_deref();
    let policy = || egress::Policy::new(domains, &config.upstreams);
    (facts.network == NetworkMode::Restricted).then(policy)
}

pub(crate) fn spec(facts: &Facts, config: &Config) -> jail::Spec {
    let memory_bytes = u64::try_from(facts.memory_mb).unwrap_or(0) << 20;
    jail::Spec {
        network: match facts.network {
            NetworkMode::Open => jail::Network::Host,
            NetworkMode::Restricted => jail::Network::Proxy,
            _ => jail::Network::Off,
        },
        limits: jail::Limits {
            memory_bytes,
            disk_bytes: config.disk_mb << 20,
            cpus: facts.cpu,
            ..jail::Limits::default()
        },
        read_only_paths: config.read_only_paths.clone(),
        python_alias: matches!(
            facts.template,
            Template::Python3_12 | Template::Python3_12Bare | Template::CodeInterpreter
        ),
        ..jail::Spec::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn places(body: Value) -> Vec<String> {
        let body = serde_json::from_value(body).expect("the contract's type");
        let problem = check(body).expect_err("not valid");
        assert_eq!(problem.status.as_u16(), 422);
        let issues = problem.detail.as_array().expect("a list");
        issues
            .iter()
            .map(|issue| {
                let loc = issue["loc"].as_array().expect("a place");
                let steps =
                    loc.iter().map(|step| step.as_str().map_or(step.to_string(), Into::into));
                steps.collect::<Vec<_>>().join(".")
            })
            .collect()
    }

    #[test]
    fn each_problem_names_its_field() {
        let long = "x".repeat(257);
        let many: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!("v"))).collect();
        for (body, expected) in [
            (json!({}), vec!["body.template"]),
            (json!({"template": "node-22", "snapshot": "snap_1"}), vec!["body.snapshot"]),
            (json!({"template": "cobol-68"}), vec!["body.template"]),
            (json!({"template": "tmpl_x"}), vec!["body.template"]),
            (json!({"template": "node-22", "timeout_seconds": 9}), vec!["body.timeout_seconds"]),
            (json!({"template": "node-22", "timeout_seconds": 3601}), vec!["body.timeout_seconds"]),
            (json!({"template": "node-22", "timeout_seconds": -1}), vec!["body.timeout_seconds"]),
            (json!({"template": "node-22", "metadata": {"a": long}}), vec!["body.metadata.a"]),
            (json!({"template": "node-22", "metadata": many}), vec!["body.metadata"]),
            (json!({"template": "node-22", "env": {"A=B": "c"}}), vec!["body.env.A=B"]),
            (json!({"template": "node-22", "network": "wide"}), vec!["body.network"]),
            (json!({"template": "node-22", "allow_domains": []}), vec!["body.allow_domains"]),
            (
                json!({
                    "template": "node-22", "network": "restricted",
                    "allow_domains": ["example.com", "https://example.com/x"],
                }),
                vec!["body.allow_domains.1"],
            ),
            (
                json!({"template": "node-22", "cpu": 0, "memory_mb": 1}),
                vec!["body.cpu", "body.memory_mb"],
            ),
            (json!({"template": "node-22", "size": "giant"}), vec!["body.size"]),
            (json!({"template": "node-22", "on_timeout": "sleep"}), vec!["body.on_timeout"]),
        ] {
            assert_eq!(places(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn sizes_and_defaults() {
        let facts = |body: Value| {
            check(serde_json::from_value(body).expect("the contract's type")).expect("valid")
        };
        let plain = facts(json!({"template": "python-3.12"}));
        assert_eq!((plain.cpu, plain.memory_mb), (1.0, 2048));
        assert_eq!(plain.timeout, Duration::from_secs(600));
        let medium = facts(json!({"template": "python-3.12", "size": "medium"}));
        assert_eq!((medium.cpu, medium.memory_mb), (2.0, 4096));
        let both = facts(json!({"template": "python-3.12", "size": "large", "cpu": 1.5}));
        assert_eq!((both.cpu, both.memory_mb), (1.5, 8192));
    }
}
