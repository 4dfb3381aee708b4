//! Limits a process puts on itself before it touches a stranger's job.

use std::io;

/// What a job's process may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Bytes of address space; no limit when absent.
    pub address_space_max: Option<u64>,
}

/// Open files of a job's process, at most.
const FILES_MAX: u64 = 64;

/// Limits this process for good: address space, open files, no core dumps, and it dies with its parent.
///
/// # Errors
/// What the system said; a limit that cannot be set is an error, never ignored.
pub fn confine(limits: &Confinement) -> io::Result<()> {
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_NOFILE, FILES_MAX)?;
    if let Some(bytes) = limits.address_space_max {
        limit(libc::RLIMIT_AS, bytes)?;
    }
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory of ours.
    let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: getppid has no arguments and cannot fail.
    if unsafe { libc::getppid() } == 1 {
        return Err(io::Error::other("the agent has ended already"));
    }
    Ok(())
}

fn limit(resource: libc::__rlimit_resource_t, max: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a valid rlimit to write to.
    if unsafe { libc::getrlimit(resource, &mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // An outer limit that is tighter stays.
    let max = max.min(now.rlim_max);
    let wanted = libc::rlimit { rlim_cur: max, rlim_max: max };
    // SAFETY: `wanted` is a valid rlimit to read from.
    match unsafe { libc::setrlimit(resource, &wanted) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
