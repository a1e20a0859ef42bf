//! Host names are looked up by a few threads of the process, so that getaddrinfo(3) never blocks a
//! loop. The threads start when needed and end when idle.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use mio::Token;

use super::remote::{Remote, Work};
use crate::error::{Error, Result, Status};

const MAX_THREADS: usize = 4;
const IDLE: Duration = Duration::from_secs(10);

struct Job {
    host: String,
    port: u16,
    token: Token,
    answer_to: Arc<Remote>,
}

#[derive(Default)]
struct Pool {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    jobs: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static WORK: Condvar = Condvar::new();

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(|e| e.into_inner())
}

/// Looks up `host`; the answer comes as work of the loop, for `token`.
pub fn resolve(host: String, port: u16, token: Token, answer_to: Arc<Remote>) -> Result<()> {
    let mut pool = pool();
    pool.jobs.push_back(Job {
        host,
        port,
        token,
        answer_to,
    });
    if pool.idle < pool.jobs.len() && pool.threads < MAX_THREADS {
        let spawned = std::thread::Builder::new()
            .name("tlspair-resolve".into())
            .spawn(serve);
        match spawned {
            Ok(_) => pool.threads += 1,
            // The threads that are there will come to it.
            Err(_) if pool.threads > 0 => {}
            Err(cause) => {
                pool.jobs.pop_back();
                return Err(Error::system(
                    Status::Resolve,
                    "cannot start a thread to look up the host name",
                    &cause,
                ));
            }
        }
    }
    WORK.notify_one();
    Ok(())
}

fn serve() {
    let mut pool = pool();
    loop {
        if let Some(job) = pool.jobs.pop_front() {
            drop(pool);
            let answer = look_up(&job.host, job.port);
            // A loop that is gone meanwhile does not want it any more.
            let _ = job.answer_to.push(Work::Resolved(job.token, answer));
            pool = self::pool();
            continue;
        }
        pool.idle += 1;
        let (guard, waited) = WORK
            .wait_timeout(pool, IDLE)
            .unwrap_or_else(|e| e.into_inner());
        pool = guard;
        pool.idle -= 1;
        if waited.timed_out() && pool.jobs.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

/// All addresses of a host, in the system's order (RFC 6724). Blocks.
pub fn look_up(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

/// Alternates the families, beginning with the first address's (RFC 8305, 4).
pub fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::new();
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop_front());
        mixed.extend(second.pop_front());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s30_families_alternate() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter()
                .map(|text| SocketAddr::new(text.parse().unwrap(), 1))
                .collect()
        };
        let mixed = interleave(parse(&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]));
        assert_eq!(
            Vec::from(mixed),
            parse(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"])
        );
    }
}
