//! What a sandbox of the local server can see and touch of its host: nothing but programs.

mod local_support;

use std::path::{Path, PathBuf};

use local_support::{Marker, TEMPLATE, TestResult, failure, sandbox, server};
use orkestr::{ErrorKind, Sandbox};

/// A file of the host that everybody may read and write, and that is gone with the test.
struct HostFile(PathBuf);

const SECRET: &str = "a file of the host";

impl HostFile {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("orkestr-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join("host.txt");
        std::fs::write(&file, SECRET).expect("a file");
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        if let Some(directory) = self.0.parent() {
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

#[tokio::test]
async fn no_path_through_the_files_api_leads_to_the_host() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let host = HostFile::new("read");
    let mut targets = vec![host.path(), "/etc/shadow", "/root/.bashrc", "/var/log/dpkg.log"];
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    if !["/usr/", "/opt/"].iter().any(|shown| manifest.starts_with(shown)) {
        targets.push(manifest);
    }
    let mut paths = Vec::new();
    for (number, target) in targets.into_iter().enumerate() {
        for (name, leads_to) in [
            ("absolute", target.to_owned()),
            ("relative", format!("../../../../../..{target}")),
            ("root", format!("/proc/1/root{target}")),
            ("self", format!("/proc/self/root{target}")),
            ("cwd", format!("/proc/1/cwd/../../../..{target}")),
        ] {
            let link = format!("/workspace/{name}-{number}");
            let made = sbx.exec(format!("ln -s '{leads_to}' {link}")).await?;
            assert!(made.success(), "{}", made.stderr);
            paths.push(link);
        }
        let up = format!("/workspace/../../../../../..{target}");
        paths.extend([target.to_owned(), up, format!("/proc/1/root{target}")]);
    }
    paths.extend(["/proc/1/environ", "/proc/self/environ", "/proc/1/maps"].map(String::from));
    let files = sbx.files();
    for path in &paths {
        let read = files.read(path).await;
        assert!(read.is_err(), "{path}: {read:?}");
        assert!(files.list(path).await.is_err(), "{path} was listed");
    }
    assert_eq!(std::fs::read_to_string(&host.0).expect("still there"), SECRET);
    Ok(())
}

#[tokio::test]
async fn no_write_or_delete_through_a_link_reaches_the_host() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let host = HostFile::new("write");
    let directory = host.0.parent().and_then(Path::to_str).expect("UTF-8");
    let links = format!(
        "ln -s {file} file; ln -s {directory} dir; ln -s /proc/1/root{file} proc; ln -s /usr/x usr",
        file = host.path()
    );
    assert!(sbx.exec(links).await?.success());
    let files = sbx.files();
    // Some fail and some make a file in the sandbox's own /tmp: which ones is not the point.
    for path in
        ["/workspace/file", "/workspace/dir/host.txt", "/workspace/dir/new", "/workspace/proc"]
    {
        drop(files.write(path, "overwritten").await);
        drop(files.delete(path).await);
    }
    assert!(files.write("/workspace/usr", "x").await.is_err());
    assert_eq!(std::fs::read_to_string(&host.0).expect("still there"), SECRET);
    assert_eq!(std::fs::read_dir(directory).expect("still there").count(), 1);
    assert!(!Path::new("/usr/x").exists());
    Ok(())
}

#[tokio::test]
async fn links_within_the_sandbox_work() -> TestResult {
    let (_server, sbx) = sandbox().await;
    sbx.exec("mkdir dir; ln -s dir to-dir; ln -s /workspace/dir/file to-file; ln -s / root")
        .await?;
    let files = sbx.files();
    files.write("/workspace/to-dir/file", "one").await?;
    files.write("/workspace/to-file", "two").await?;
    assert_eq!(files.read("/workspace/dir/file").await?, "two");
    assert_eq!(files.read("/workspace/root/workspace/dir/file").await?, "two");
    Ok(())
}

#[tokio::test]
async fn the_root_is_the_sandboxs_own() -> TestResult {
    let (_server, sbx) = sandbox().await;
    let listed = sbx.files().list("/").await?;
    let names: Vec<&str> = listed.iter().map(|entry| entry.name.as_str()).collect();
    for name in ["workspace", "tmp", "usr", "etc"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for name in ["root", "home", "var", "run", "sys", "boot", "mnt", "srv"] {
        assert!(!names.contains(&name), "{name} is in {names:?}");
    }
    for name in ["/etc/shadow", "/root", "/home", "/var", "/run", "/sys"] {
        assert!(!sbx.exec(format!("test -e {name}")).await?.success(), "{name} is there");
    }
    Ok(())
}

#[tokio::test]
async fn the_hosts_programs_are_read_only() -> TestResult {
    let (_server, sbx) = sandbox().await;
    for path in
        ["/usr/x", "/usr/bin/x", "/bin/x", "/lib/x", "/etc/x", "/x", "/opt/x", "/proc/sys/kernel/x"]
    {
        let result = sbx.exec(format!("touch {path}")).await?;
        assert!(!result.success(), "{path} was made");
        assert!(!Path::new(path).exists(), "{path} is on the host");
    }
    for path in ["/usr/bin/env", "/etc/passwd", "/etc/ld.so.cache", "/proc/sys/kernel/core_pattern"]
    {
        let result = sbx.exec(format!("test ! -e {path} || : >> {path}")).await?;
        assert!(!result.success() || !Path::new(path).exists(), "{path} could be opened to write");
    }
    assert!(!sbx.exec("mount -t tmpfs none /tmp").await?.success());
    Ok(())
}

#[tokio::test]
async fn without_a_network_there_is_only_loopback() -> TestResult {
    let server = server().await;
    let port = format!("{:04X}", server.address().port());
    for mode in ["off", "restricted"] {
        let sbx = Sandbox::create(TEMPLATE).client(&server.client()).network(mode).await?;
        let devices = sbx.exec("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await?;
        assert_eq!(devices.stdout, "lo\n", "{mode}");
        assert_eq!(sbx.exec("tail -n +2 /proc/net/route").await?.stdout, "", "{mode}");
        let sockets = sbx.exec("cat /proc/net/tcp").await?;
        assert!(sockets.success() && !sockets.stdout.contains(&format!(":{port}")), "{mode}");
    }
    let open = Sandbox::create(TEMPLATE).client(&server.client()).network("open").await?;
    let sockets = open.exec("cat /proc/net/tcp").await?;
    assert!(sockets.stdout.contains(&format!(":{port}")), "an open network is the host's");
    Ok(())
}

#[tokio::test]
async fn processes_of_others_are_not_seen() -> TestResult {
    let server = server().await;
    let create = || Sandbox::create(TEMPLATE).client(&server.client()).into_future();
    let (one, two) = (create().await?, create().await?);
    let marker = Marker::new();
    one.exec(format!("{} &", marker.sleep())).await?;
    marker.has_started().await;
    let seen = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '";
    let sleep = marker.sleep();
    assert!(one.exec(seen).await?.stdout.contains(&sleep));
    assert!(!two.exec(seen).await?.stdout.contains(&sleep));
    // The agent, the shell, what it runs, and nothing of the host.
    let count = two.exec("set -- /proc/[0-9]*; echo $#").await?;
    assert!(count.stdout.trim().parse::<u32>().is_ok_and(|count| count <= 4), "{}", count.stdout);
    // Nor can they be signalled.
    drop(two.exec("kill -9 -1").await);
    assert_eq!(marker.processes(), 1);
    assert!(one.exec("true").await?.success() && two.exec("true").await?.success());
    Ok(())
}

#[tokio::test]
async fn commands_are_an_ordinary_user_without_capabilities() -> TestResult {
    let (_server, sbx) = sandbox().await;
    assert_ne!(sbx.exec("id -u").await?.stdout, "0\n");
    let status =
        sbx.exec("grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status").await?;
    let lines: Vec<&str> = status.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for line in lines {
        let value = line.split_whitespace().next_back();
        let expected = if line.starts_with("NoNewPrivs") { "1" } else { "0000000000000000" };
        assert_eq!(value, Some(expected), "{line}");
    }
    assert!(!sbx.exec("unshare -U true").await?.success());
    Ok(())
}

#[tokio::test]
async fn two_sandboxes_do_not_share_their_tmp() -> TestResult {
    let server = server().await;
    let create = || Sandbox::create(TEMPLATE).client(&server.client()).into_future();
    let (one, two) = (create().await?, create().await?);
    for path in ["/tmp/shared", "/workspace/shared", "/dev/shm/shared"] {
        assert!(one.exec(format!("echo one > {path}")).await?.success(), "{path}");
        assert!(!two.exec(format!("cat {path}")).await?.success(), "{path}");
        assert!(!Path::new(path).exists(), "{path} is on the host");
    }
    failure(two.files().read("/tmp/shared").await, ErrorKind::NotFound);
    assert_ne!(
        one.exec("hostname || cat /proc/sys/kernel/hostname").await?,
        two.exec("hostname || cat /proc/sys/kernel/hostname").await?
    );
    Ok(())
}
