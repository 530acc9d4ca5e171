//! A host that refuses the isolation is told apart, and told what to do; nothing runs unprotected.

#![allow(clippy::print_stdout, reason = "a child process reports so")]

mod support;

use std::process::Command;

use orkestr_local::jail::{Error, Jail, Spec};
use support::{run, sh};

/// Plays the server on such a host; only when `JAIL_TEST_HELPER` asks for it.
#[test]
fn helper() {
    if std::env::var_os("JAIL_TEST_HELPER").is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(Jail::start(Spec::default())) {
        Ok(jail) => println!("\nstarted: {}", runtime.block_on(run(&jail, "id"))),
        Err(error @ Error::NamespacesRefused { .. }) => println!("\nrefused: {error}"),
        Err(error) => println!("\nother: {error}"),
    }
}

/// What a start says after `preparation`, which runs as root of a user namespace of its own.
fn on_host(unshare: &str, preparation: &str) -> String {
    let script = format!("{preparation} && exec \"$0\" --exact helper --nocapture");
    let output = Command::new("unshare")
        .args(unshare.split(' '))
        .args(["sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("JAIL_TEST_HELPER", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text
        .lines()
        .find(|line| ["started:", "refused:", "other:"].iter().any(|kind| line.starts_with(kind)));
    said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

#[test]
fn user_namespaces_switched_off() {
    let said = on_host("-Ur", "echo 0 > /proc/sys/user/max_user_namespaces");
    assert!(said.starts_with("refused:") && said.contains("clone3"), "{said}");
    assert!(
        said.contains("os error 28") && said.contains("sysctl user.max_user_namespaces"),
        "{said}"
    );
}

#[test]
fn proc_hidden_in_part() {
    // What the outer namespace has mounted over becomes locked for the inner one, as in a container.
    let inner =
        "exec unshare -Um --map-user=1000 --map-group=1000 \"$0\" --exact helper --nocapture";
    let said = on_host("-Urm", inner);
    assert!(said.starts_with("started: uid=1000"), "{said}");
    let said = on_host("-Urm", &format!("mount -t tmpfs none /proc/bus && {inner}"));
    assert!(said.starts_with("refused:") && said.contains("fresh /proc"), "{said}");
    assert!(said.contains("systempaths=unconfined"), "{said}");
}

#[test]
fn root_without_the_sandbox_user() {
    let said = on_host("-Ur", "true");
    assert!(
        said.starts_with("refused:") && said.contains("uid_map") && said.contains("65534"),
        "{said}"
    );
}

#[test]
fn inside_a_sandbox_there_are_no_sandboxes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let binary = std::env::current_exe().unwrap();
        let spec =
            Spec { read_only_paths: vec![binary.parent().unwrap().to_owned()], ..Spec::default() };
        let jail = Jail::start(spec).await.unwrap();
        let mut command = sh("exec \"$0\" --exact helper --nocapture");
        command.argv.push(binary.into());
        command.env.push(("JAIL_TEST_HELPER".into(), "1".into()));
        let (output, errors, _) = support::collect(jail.spawn(command).await.unwrap()).await;
        assert!(
            output.contains("refused:") && output.contains("user.max_user_namespaces"),
            "{output}{errors}"
        );
    });
}

/// The variable alone makes nobody an agent: without a socket on standard input the program says so and ends.
#[test]
fn the_entry_is_not_for_others() {
    let output = Command::new(std::env::current_exe().unwrap())
        .env("ORKESTR_LOCAL_AGENT", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ORKESTR_LOCAL_AGENT"));
}
