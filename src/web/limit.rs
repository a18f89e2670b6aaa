//! How often one address may begin a login: each costs a row and perhaps a slow hash.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::HttpRequest;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::Failure;
use super::extract::ClientAddress;

/// After so many checks, addresses that have been quiet are forgotten.
const TIDY_EVERY: u32 = 4_096;

/// Counts by address; IPv6 by its /64, which is what one household gets.
pub struct Limiter {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl Limiter {
    /// Lets `count` through at once and then `count` a minute, for each address.
    pub fn per_minute(count: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), checks: AtomicU32::new(0) }
    }

    /// Counts one request of its address.
    ///
    /// # Errors
    /// [`Failure::TooMany`] with the time to wait.
    pub fn check(&self, req: &HttpRequest) -> Result<(), Failure> {
        let Some(address) = ClientAddress::of(req) else { return Ok(()) };
        self.check_address(address)
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Failure> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&household(address))
            .map_err(|refusal| Failure::TooMany { retry_after: refusal.wait_time_from(self.clock.now()).as_secs() + 1 })
    }
}

fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let s = v6.segments();
            Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_household_has_its_own_count() {
        let limiter = Limiter::per_minute(2);
        let check = |address: &str| limiter.check_address(address.parse().expect("an address")).is_ok();
        assert!(check("2001:db8::1") && check("2001:db8::2"));
        assert!(!check("2001:db8::3"));
        assert!(check("2001:db8:0:1::3") && check("198.51.100.1"));
    }
}
