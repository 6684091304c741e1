use super::*;

/// Runs a program as the kernel would; panics on anything that it doesn't use.
fn run(code: &[sock_filter], arch: u32, call: u32, arguments: [u64; 6]) -> u32 {
    let mut data = [0u8; 64];
    data[0..4].copy_from_slice(&call.to_ne_bytes());
    data[4..8].copy_from_slice(&arch.to_ne_bytes());
    for (i, argument) in arguments.iter().enumerate() {
        data[16 + 8 * i..24 + 8 * i].copy_from_slice(&argument.to_ne_bytes());
    }
    let (mut at, mut value) = (0, 0u32);
    loop {
        let one = code[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { one.jt } else { one.jf });
        match u32::from(one.code) {
            op if op == BPF_LD | BPF_W | BPF_ABS => {
                let from = one.k as usize;
                assert!(from.is_multiple_of(4) && from + 4 <= data.len());
                value = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
            }
            op if op == BPF_JMP | BPF_JEQ | BPF_K => at += jump(value == one.k),
            op if op == BPF_JMP | BPF_JGE | BPF_K => at += jump(value >= one.k),
            op if op == BPF_JMP | BPF_JSET | BPF_K => at += jump(value & one.k != 0),
            op if op == BPF_RET | BPF_K => return one.k,
            op => panic!("instruction {op:#x}"),
        }
    }
}

fn ask(filter: Filter, call: libc::c_long, arguments: [u64; 6]) -> u32 {
    run(&filter.assemble(), ARCH, call as u32, arguments)
}

const OPEN: Filter = Filter {
    gate: Gate::Open,
    deny_trace: false,
};
const FILES: Filter = Filter {
    gate: Gate::Files,
    deny_trace: false,
};
const NONE: [u64; 6] = [0; 6];

fn openat(flags: i32) -> [u64; 6] {
    // The upper half of a flag register is garbage as far as the kernel is concerned.
    [0, 0, 0xffff_ffff_0000_0000 | flags as u32 as u64, 0, 0, 0]
}

#[test]
fn ordinary_calls_pass_in_every_filter() {
    let calls = [
        libc::SYS_read,
        libc::SYS_sendmsg,
        libc::SYS_execve,
        libc::SYS_mmap,
        libc::SYS_clone3,
        libc::SYS_futex,
        libc::SYS_openat,
        libc::SYS_seccomp,
        libc::SYS_rseq,
    ];
    for call in calls {
        assert_eq!(ask(OPEN, call, NONE), ALLOW, "{call}");
        assert_eq!(ask(FILES, call, NONE), ALLOW, "{call}");
    }
    assert_eq!(ask(OPEN, libc::SYS_write, NONE), ALLOW);
    assert_eq!(ask(OPEN, libc::SYS_openat2, NONE), ALLOW);
}

#[test]
fn a_foreign_architecture_ends_the_process() {
    assert_eq!(
        run(&OPEN.assemble(), 0x4000_0003, libc::SYS_read as u32, NONE),
        KILL
    );
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x32_does_not_exist() {
    let call = X32 | libc::SYS_write as u32;
    assert_eq!(
        run(&FILES.assemble(), ARCH, call, NONE),
        refuse(libc::ENOSYS)
    );
    assert_eq!(
        run(&FILES.assemble(), ARCH, u32::MAX, NONE),
        refuse(libc::ENOSYS)
    );
}

#[test]
fn io_uring_does_not_exist() {
    for filter in [OPEN, FILES] {
        assert_eq!(
            ask(filter, libc::SYS_io_uring_setup, NONE),
            refuse(libc::ENOSYS)
        );
    }
}

#[test]
fn the_gate_holds_writes_and_names() {
    for &call in WRITES.iter().chain(NAMES).chain(OLD_NAMES) {
        assert_eq!(ask(FILES, call, NONE), NOTIFY, "{call}");
        assert_eq!(ask(OPEN, call, NONE), ALLOW, "{call}");
    }
}

#[test]
fn the_gate_holds_only_opens_that_write() {
    let notified = [
        libc::O_WRONLY,
        libc::O_RDWR,
        libc::O_CREAT,
        libc::O_TRUNC,
        libc::O_TMPFILE | libc::O_RDWR,
    ];
    for flags in notified {
        assert_eq!(
            ask(FILES, libc::SYS_openat, openat(flags | libc::O_CLOEXEC)),
            NOTIFY
        );
    }
    for flags in [
        libc::O_RDONLY,
        libc::O_CLOEXEC | libc::O_DIRECTORY,
        libc::O_PATH,
    ] {
        assert_eq!(ask(FILES, libc::SYS_openat, openat(flags)), ALLOW);
    }
    assert_eq!(ask(FILES, libc::SYS_openat2, NONE), refuse(libc::ENOSYS));
}

#[test]
fn the_gate_of_loads_holds_every_open() {
    let loads = Filter {
        gate: Gate::Loads,
        deny_trace: false,
    };
    for flags in [
        libc::O_RDONLY,
        libc::O_CLOEXEC,
        libc::O_CREAT | libc::O_WRONLY,
    ] {
        assert_eq!(ask(loads, libc::SYS_openat, openat(flags)), NOTIFY);
    }
    assert_eq!(ask(loads, libc::SYS_write, NONE), NOTIFY);
    assert_eq!(ask(loads, libc::SYS_read, NONE), ALLOW);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_gate_knows_the_old_open() {
    assert_eq!(
        ask(FILES, libc::SYS_open, [0, libc::O_CREAT as u64, 0, 0, 0, 0]),
        NOTIFY
    );
    assert_eq!(ask(FILES, libc::SYS_open, NONE), ALLOW);
}

#[test]
fn no_user_namespace_but_threads_and_forks() {
    let threads = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND) as u64;
    assert_eq!(ask(OPEN, libc::SYS_clone, [threads, 0, 0, 0, 0, 0]), ALLOW);
    let new_user = (libc::CLONE_NEWUSER | libc::SIGCHLD) as u64;
    assert_eq!(
        ask(OPEN, libc::SYS_clone, [new_user, 0, 0, 0, 0, 0]),
        refuse(libc::EPERM)
    );
    assert_eq!(
        ask(OPEN, libc::SYS_unshare, [new_user, 0, 0, 0, 0, 0]),
        refuse(libc::EPERM)
    );
    assert_eq!(
        ask(
            OPEN,
            libc::SYS_unshare,
            [libc::CLONE_FS as u64, 0, 0, 0, 0, 0]
        ),
        ALLOW
    );
}

#[test]
fn tracing_is_refused_only_where_asked() {
    let filter = Filter {
        deny_trace: true,
        ..OPEN
    };
    assert_eq!(ask(filter, libc::SYS_ptrace, NONE), refuse(libc::EPERM));
    assert_eq!(ask(OPEN, libc::SYS_ptrace, NONE), ALLOW);
}

#[test]
fn jumps_stay_inside_for_every_call_number() {
    for filter in [
        OPEN,
        FILES,
        Filter {
            deny_trace: true,
            ..FILES
        },
    ] {
        let code = filter.assemble();
        for call in 0..1024 {
            run(&code, ARCH, call, [u64::MAX; 6]);
        }
    }
}
