//! Inside the new namespaces: builds the file system, drops to the sandbox's user, gives up all rights.

use std::fs::{self, DirBuilder, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::prctl;
use nix::unistd::{
    Gid, Uid, chdir, pivot_root, setgroups, sethostname, setresgid, setresuid, setsid,
};

use super::filter;
use super::host::{self, HostParts, Part, relative};
use super::spec::{ALIAS_DIR, INNER_ID};
use super::stage::Refusal;
use super::sys::{self, attr};
use super::wire::Setup;

/// Any directory that surely exists: what is below it stays hidden only until the root is swapped.
const BASE: &str = "/proc";

/// Everything between the clone and the agent's loop. With `root`, the ids of the host's
/// root are still held; then `parts` may have been collected with them.
pub(super) fn isolate(setup: &Setup, root: bool, parts: Option<HostParts>) -> Result<(), Refusal> {
    setsid().map_err(Refusal::at("leave the session (setsid)"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    if root {
        // The capabilities of the new namespace stay: they go with id 0 of the namespace, and that does not exist in it.
        setgroups(&[]).map_err(Refusal::at("leave the host's groups (setgroups)"))?;
        let (uid, gid) = (Uid::from_raw(INNER_ID), Gid::from_raw(INNER_ID));
        setresgid(gid, gid, gid).map_err(Refusal::at("become the sandbox's group (setresgid)"))?;
        setresuid(uid, uid, uid).map_err(Refusal::at("become the sandbox's user (setresuid)"))?;
    }
    // From here on nobody of the same user can look into this process or take its descriptors.
    prctl::set_dumpable(false).map_err(Refusal::at("become undumpable (prctl)"))?;

    sethostname(&setup.hostname).map_err(Refusal::at("set the host name"))?;
    if setup.own_network {
        sys::loopback_up().map_err(Refusal::at("bring the loopback interface up"))?;
    }
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(Refusal::at("make the mounts private"))?;
    let parts = match parts {
        Some(parts) => parts,
        None => host::gather(setup)?,
    };
    build_root(setup, &parts)?;

    sys::drop_capabilities().map_err(Refusal::at("drop the capabilities"))?;
    prctl::set_no_new_privs().map_err(Refusal::at("set no_new_privs"))?;
    filter::install().map_err(Refusal::at("install the filter of system calls (seccomp)"))
}

fn build_root(setup: &Setup, parts: &HostParts) -> Result<(), Refusal> {
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount_tmpfs(Path::new(BASE), plain, "mode=0755,size=16m,nr_inodes=16k")?;
    chdir(BASE).map_err(Refusal::at("enter the new root"))?;

    write_files(setup, parts)?;
    for name in ["proc", "dev/shm", "dev/pts", "workspace", "tmp", ".data"] {
        make_dir(Path::new(name))?;
    }
    for (name, target) in [
        ("dev/fd", "/proc/self/fd"),
        ("dev/stdin", "/proc/self/fd/0"),
        ("dev/stdout", "/proc/self/fd/1"),
        ("dev/stderr", "/proc/self/fd/2"),
        ("dev/ptmx", "pts/ptmx"),
    ] {
        symlink(target, name).map_err(Refusal::at_io("make the links of /dev"))?;
    }
    mount_tmpfs(
        Path::new("dev/shm"),
        plain,
        &format!("mode=1777,{}", size(setup.memory_bytes / 2)),
    )?;
    mount(
        Some("devpts"),
        "dev/pts",
        Some("devpts"),
        MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        // The host has a number of them for all.
        Some("newinstance,ptmxmode=0666,mode=0620,max=64"),
    )
    .map_err(Refusal::at("mount devpts"))?;
    place_data(setup)?;
    place_proc(setup)?;
    if let Some(tree) = &parts.persist {
        make_dir(Path::new("persist"))?;
        sys::attach(tree.as_fd(), Path::new("persist"))
            .map_err(Refusal::at("attach the volume (move_mount)"))?;
    }
    // Last, because a path of the host below /tmp is to be seen too.
    for (path, part) in &parts.parts {
        place(relative(path), part)?;
    }

    pivot_root(".", ".").map_err(Refusal::at("swap the root (pivot_root)"))?;
    // The old root lies on top of the new one now.
    umount2(".", MntFlags::MNT_DETACH).map_err(Refusal::at("detach the host's root"))?;
    chdir("/").map_err(Refusal::at("enter the new root"))?;
    sys::restrict_mount(c"/", attr::RDONLY | attr::NOSUID | attr::NODEV)
        .map_err(Refusal::at("make the root read-only (mount_setattr)"))
}

fn mount_tmpfs(path: &Path, flags: MsFlags, options: &str) -> Result<(), Refusal> {
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options))
        .map_err(|errno| Refusal { step: format!("mount a tmpfs with {options}"), errno })
}

/// Files take memory also where they are empty: one for each page of the size.
fn size(bytes: u64) -> String {
    format!("size={bytes},nr_inodes={}", (bytes / 4096).clamp(1024, 1 << 32))
}

fn make_dir(path: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(Refusal::at_io("make a directory of the new root"))
}

fn place(path: &Path, part: &Part) -> Result<(), Refusal> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    let named = |step: &str| format!("{step} /{}", path.display());
    match part {
        Part::Link(target) => {
            symlink(target, path).map_err(Refusal::at_io(&named("make the link")))
        }
        Part::Tree { tree, is_dir } => {
            // The mount point may be there already, as part of another tree.
            if *is_dir {
                make_dir(path)?;
            } else if !path.exists() {
                File::create(path).map_err(Refusal::at_io(&named("make a place for")))?;
            }
            sys::attach(tree.as_fd(), path).map_err(Refusal::at(&named("attach (move_mount)")))
        }
    }
}

/// One tmpfs behind /workspace and /tmp, so that one limit holds for both.
fn place_data(setup: &Setup) -> Result<(), Refusal> {
    let data = Path::new(".data");
    mount_tmpfs(
        data,
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        &format!("mode=0755,{}", size(setup.disk_bytes.max(4096))),
    )?;
    for (name, mode) in [("workspace", 0o755), ("tmp", 0o1777)] {
        let inner = data.join(name);
        make_dir(&inner)?;
        fs::set_permissions(&inner, fs::Permissions::from_mode(mode))
            .map_err(Refusal::at_io("set up the data directories"))?;
        let tree = sys::open_tree(&inner, false)
            .map_err(Refusal::at("copy the data mount (open_tree)"))?;
        sys::attach(tree.as_fd(), Path::new(name))
            .map_err(Refusal::at("attach the data mount (move_mount)"))?;
    }
    umount2(data, MntFlags::MNT_DETACH).map_err(Refusal::at("detach the data mount"))?;
    fs::remove_dir(data).map_err(Refusal::at_io("remove the data mount point"))
}

fn place_proc(setup: &Setup) -> Result<(), Refusal> {
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "proc", Some("proc"), plain, None::<&Path>)
        .map_err(Refusal::at("mount a fresh /proc"))?;
    // A namespace inside this one would bring all capabilities back, and with them most of the kernel's attack surface.
    fs::write("proc/sys/user/max_user_namespaces", "0")
        .map_err(Refusal::at_io("forbid nested user namespaces"))?;
    // System V shared memory needs no mapping to use up memory. Older kernels keep this setting to the host's root.
    let _ = fs::write("proc/sys/kernel/shmall", (setup.memory_bytes / 4096).to_string());
    let settings = sys::open_tree(Path::new("proc/sys"), true)
        .map_err(Refusal::at("copy /proc/sys (open_tree)"))?;
    sys::restrict_tree(settings.as_fd(), attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC)
        .map_err(Refusal::at("make /proc/sys read-only (mount_setattr)"))?;
    sys::attach(settings.as_fd(), Path::new("proc/sys"))
        .map_err(Refusal::at("attach /proc/sys (move_mount)"))
}

fn write_files(setup: &Setup, parts: &HostParts) -> Result<(), Refusal> {
    make_dir(Path::new("etc"))?;
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let name = setup.hostname.to_string_lossy();
    let write = |name: &str, text: &[u8]| {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(Path::new("etc").join(name))
            .and_then(|mut file| std::io::Write::write_all(&mut file, text))
            .map_err(Refusal::at_io("write the files of /etc"))
    };
    let passwd = format!(
        "root:x:0:0:root:/:/usr/sbin/nologin\n\
         user:x:{INNER_ID}:{INNER_ID}:user:/workspace:{shell}\n\
         nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    );
    write("passwd", passwd.as_bytes())?;
    write("group", format!("root:x:0:\nuser:x:{INNER_ID}:\nnogroup:x:65534:\n").as_bytes())?;
    write("hostname", format!("{name}\n").as_bytes())?;
    write(
        "hosts",
        format!("127.0.0.1 localhost {name}\n::1 localhost ip6-localhost\n").as_bytes(),
    )?;
    write(
        "nsswitch.conf",
        b"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    )?;
    if let Some(text) = &parts.resolv_conf {
        write("resolv.conf", text)?;
    }
    if let Some(python) = &parts.python {
        let directory = relative(Path::new(ALIAS_DIR));
        make_dir(directory)?;
        symlink(python, directory.join("python")).map_err(Refusal::at_io("provide python"))?;
    }
    Ok(())
}
