//! Calls that no command gets: what escapes the memory limit, and doors into the kernel that few programs use.

use nix::errno::Errno;

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;

/// Programs that use them fall back to other ways where a kernel has them not, and so they look.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const MISSING: [libc::c_long; 9] = [
    // Memory without a mapping, which nothing counts, or that stays locked.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // Much of the kernel at once, past everything that looks at system calls.
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    // Lets a program hold the kernel up in the middle of a copy.
    libc::SYS_userfaultfd,
    // Keys of the host's user.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
];

/// Makes the calls fail with `ENOSYS`, for this process and all that it starts. Needs no_new_privs.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn install() -> Result<(), Errno> {
    let filter = program();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::EINVAL)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // Otherwise older kernels slow everything down for mitigations that guard one thread of a program from another.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the program and its instructions outlive the call; the kernel copies and checks them.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })
    .map(drop)
}

/// Elsewhere the numbers are not known.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn install() -> Result<(), Errno> {
    Ok(())
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn program() -> Vec<libc::sock_filter> {
    let plain = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let refuse = plain(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | Errno::ENOSYS as u32);
    // The next instruction where the comparison holds, the one after that where it does not.
    let unless = |comparison: u32, k: u32| libc::sock_filter {
        code: (libc::BPF_JMP | comparison | libc::BPF_K) as u16,
        jt: 0,
        jf: 1,
        k,
    };
    let load = |offset: u32| plain(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    // struct seccomp_data: the call's number, then the architecture.
    let mut program = vec![
        load(4),
        // Calls by the numbers of another architecture, such as 32-bit programs make.
        libc::sock_filter { jt: 1, jf: 0, ..unless(libc::BPF_JEQ, ARCH) },
        refuse,
        load(0),
        // The numbers of x32 on x86-64.
        unless(libc::BPF_JGE, 0x4000_0000),
        refuse,
    ];
    for call in MISSING {
        program.extend([unless(libc::BPF_JEQ, call as u32), refuse]);
    }
    program.push(plain(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    program
}
