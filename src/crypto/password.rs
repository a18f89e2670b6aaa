//! Passwords people chose: argon2id (RFC 9106) in PHC strings.
//!
//! Every function here that hashes takes milliseconds and the configured memory: callers go through the hashing
//! [`Gate`](crate::base::Gate). Not here: password policy and throttling (`identity`).

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::CryptoError;
use crate::base::{Random, Secret};

/// Most memory a hash from elsewhere may ask for, in KiB, unless our own parameters ask for more.
const FOREIGN_MEMORY: u32 = 256 * 1024;
/// Most work (KiB times passes) a hash from elsewhere may ask for, unless our own parameters ask for more.
const FOREIGN_WORK: u64 = 1024 * 1024;
/// Most lanes a hash from elsewhere may ask for.
const FOREIGN_LANES: u32 = 16;
/// A hash of ours has about 100 characters; longer ones are refused before they are read.
const LONGEST_HASH: usize = 256;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordParams {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes; computed one after the other here, so more of them only costs.
    pub parallelism: u32,
}

impl PasswordParams {
    /// The least that is still safe (OWASP password storage: 19 MiB, two passes, one lane), and our default.
    pub const FLOOR: Self = Self { memory: 19 * 1024, iterations: 2, parallelism: 1 };

    /// These parameters, each raised to [`FLOOR`](Self::FLOOR) where it is below.
    #[must_use]
    pub fn at_least_floor(self) -> Self {
        Self {
            memory: self.memory.max(Self::FLOOR.memory),
            iterations: self.iterations.max(Self::FLOOR.iterations),
            parallelism: self.parallelism.max(Self::FLOOR.parallelism),
        }
    }

    fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.iterations)
    }
}

/// Hashes and verifies passwords with one set of parameters.
#[derive(Clone, Debug)]
pub struct Passwords {
    params: PasswordParams,
    argon2: Argon2<'static>,
    dummy: Arc<OnceLock<String>>,
    nobody: Secret<[u8; 48]>,
}

impl Passwords {
    /// Takes any parameters argon2id can run with; use [`PasswordParams::at_least_floor`] on configured ones. Hashes
    /// nothing yet; a thread of its own prepares [`dummy`](Self::dummy), so that a start need not wait for it.
    ///
    /// # Errors
    /// [`CryptoError::PasswordParams`] when argon2 does not allow them or a hash would need over 4 GiB.
    pub fn new(params: PasswordParams, random: &dyn Random) -> Result<Self, CryptoError> {
        if params.parallelism == 0 || params.parallelism > 255 {
            return Err(CryptoError::PasswordParams("parallelism must be between 1 and 255"));
        }
        if params.memory < 8 * params.parallelism || params.memory > 4 * 1024 * 1024 {
            return Err(CryptoError::PasswordParams("memory must be between 8 KiB for each lane and 4 GiB"));
        }
        let checked = Params::new(params.memory, params.iterations, params.parallelism, None)
            .map_err(|_| CryptoError::PasswordParams("iterations must be at least 1"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, checked);
        let new = Self { params, argon2, dummy: Arc::default(), nobody: Secret::new(random.bytes()) };
        let early = new.clone();
        // Without a thread the first caller of `dummy` makes it, which is as right, only later.
        let _ = std::thread::Builder::new().name("dummy hash".to_owned()).spawn(move || early.dummy().len());
        Ok(new)
    }

    /// Hashes `password` under a new 128-bit salt, as a PHC string. Slow on purpose.
    ///
    /// # Errors
    /// [`CryptoError::Refused`] when the password is longer than 4 GiB.
    pub fn hash(&self, password: &[u8], random: &dyn Random) -> Result<String, CryptoError> {
        let salt: [u8; 16] = random.bytes();
        let hash = self.argon2.hash_password_with_salt(password, &salt).map_err(|_| CryptoError::Refused)?;
        Ok(hash.to_string())
    }

    /// Whether `password` is the one behind `phc`. A hash that is malformed or absurdly expensive verifies nothing and
    /// costs nothing. Slow on purpose.
    pub fn verify(&self, phc: &str, password: &[u8]) -> bool {
        self.parse(phc).is_ok_and(|(hash, _)| self.argon2.verify_password(password, &hash).is_ok())
    }

    /// Whether `phc` was made with other parameters than ours: hash the password again at the next good login.
    pub fn needs_rehash(&self, phc: &str) -> bool {
        self.parse(phc).map_or(true, |(hash, cost)| {
            hash.algorithm != Algorithm::Argon2id.ident() || hash.version != Some(0x13) || cost != self.params
        })
    }

    /// Whether a hash made elsewhere can be taken over.
    ///
    /// # Errors
    /// [`CryptoError::Hash`] says what is wrong with it: not argon2, malformed, or too expensive to ever verify.
    pub fn check_foreign(&self, phc: &str) -> Result<(), CryptoError> {
        self.parse(phc).map(|_| ())
    }

    /// A hash of nothing anybody knows, with the same cost as a real one: verify against it when an account does not
    /// exist or has no password, so that the answer takes as long.
    pub fn dummy(&self) -> &str {
        self.dummy.get_or_init(|| {
            let (password, salt) = self.nobody.expose().split_at(32);
            let hash = self.argon2.hash_password_with_salt(password, salt);
            hash.expect("32 bytes under a salt of 16 are hashed by any parameters `new` let through").to_string()
        })
    }

    fn parse(&self, phc: &str) -> Result<(PasswordHash, PasswordParams), CryptoError> {
        const NOT_PHC: CryptoError = CryptoError::Hash("expected $argon2id$v=19$m=...,t=...,p=...$salt$hash");
        if phc.len() > LONGEST_HASH {
            return Err(NOT_PHC);
        }
        let hash = PasswordHash::new(phc).map_err(|_| NOT_PHC)?;
        Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| NOT_PHC)?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(NOT_PHC);
        }
        let params = Params::try_from(&hash).map_err(|_| NOT_PHC)?;
        let cost =
            PasswordParams { memory: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() };
        let dear = cost.memory > FOREIGN_MEMORY.max(self.params.memory)
            || cost.work() > FOREIGN_WORK.max(self.params.work())
            || cost.parallelism > FOREIGN_LANES.max(self.params.parallelism);
        if dear {
            return Err(CryptoError::Hash("its cost is above 256 MiB, 1 GiB of work or 16 lanes: lower m, t or p"));
        }
        Ok((hash, cost))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;
    use crate::base::SeededRandom;

    fn cheap() -> Passwords {
        let params = PasswordParams { memory: 64, iterations: 1, parallelism: 1 };
        Passwords::new(params, &SeededRandom::new(1)).expect("parameters")
    }

    #[test]
    fn only_the_password_verifies() {
        let (passwords, random) = (cheap(), SeededRandom::new(2));
        let phc = passwords.hash("päss word".as_bytes(), &random).expect("hashed");
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert!(passwords.verify(&phc, "päss word".as_bytes()));
        for wrong in ["", "pass word", "päss word ", "päss word\0"] {
            assert!(!passwords.verify(&phc, wrong.as_bytes()));
        }
        assert_ne!(phc, passwords.hash("päss word".as_bytes(), &random).expect("hashed"), "salts differ");
    }

    #[test]
    fn hashes_of_the_reference_implementation_verify() {
        // printf password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32 -e   (phc-winner-argon2, test.c)
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(cheap().verify(phc, b"password"));
        assert!(!cheap().verify(phc, b"passwore"));
    }

    #[test]
    fn other_parameters_ask_for_a_rehash() {
        let passwords = cheap();
        let phc = passwords.hash(b"x", &SeededRandom::new(1)).expect("hashed");
        assert!(!passwords.needs_rehash(&phc));
        for other in
            [phc.replace("t=1", "t=2"), phc.replace("m=64", "m=128"), phc.replace("2id", "2i"), "junk".to_owned()]
        {
            assert!(passwords.needs_rehash(&other), "{other}");
        }
    }

    /// An imported hash decides what a login costs; none may take the server down.
    #[test]
    fn hostile_hashes_are_refused_before_they_cost_anything() {
        let passwords = cheap();
        let tail = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for hostile in [
            format!("$argon2id$v=19$m=4194304,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=4294967295,t=4294967295,p=16777215${tail}"),
            format!("$argon2id$v=19$m=262145,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=65536,t=1000000,p=1${tail}"),
            format!("$argon2id$v=19$m=65536,t=1,p=255${tail}"),
            format!("$argon2id$v=19$m=99999999999,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=-1,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=0,t=0,p=0${tail}"),
            format!("$argon2id$v=19$m=7,t=1,p=1${tail}"),
            format!("$argon2id$v=19$m=64,m=4194304,t=1,p=1${tail}"),
            format!("$argon2id$v=99$m=64,t=1,p=1${tail}$x"),
            format!("$bcrypt$v=19$m=64,t=1,p=1${tail}"),
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1$c2E$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$".to_owned(),
            format!("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ${}", "A".repeat(10_000)),
            "$argon2id$".to_owned(),
            "$2a$31$abcdefghijklmnopqrstuuKJkCDg0n8JDBhcfcnqWfRzbF1uUYVcO".to_owned(),
            String::new(),
        ] {
            assert!(passwords.check_foreign(&hostile).is_err(), "{hostile}");
            assert!(!passwords.verify(&hostile, b"password"), "{hostile}");
        }
    }

    #[test]
    fn our_own_parameters_are_never_foreign() {
        let params = PasswordParams { memory: 272, iterations: 1, parallelism: 17 };
        let passwords = Passwords::new(params, &SeededRandom::new(1)).expect("parameters");
        let phc = passwords.hash(b"x", &SeededRandom::new(1)).expect("hashed");
        assert!(passwords.verify(&phc, b"x"));
        assert!(cheap().check_foreign(&phc).is_err());
    }

    #[test]
    fn the_dummy_costs_the_same_and_nothing_opens_it() {
        let passwords = cheap();
        assert!(!passwords.needs_rehash(passwords.dummy()));
        assert!(!passwords.verify(passwords.dummy(), b""));
    }

    #[test]
    fn impossible_parameters_are_refused_and_weak_ones_raised() {
        for (memory, iterations, parallelism) in
            [(0, 1, 1), (64, 0, 1), (64, 1, 0), (8, 1, 2), (u32::MAX, 1, 1), (64, 1, 999)]
        {
            let params = PasswordParams { memory, iterations, parallelism };
            assert!(Passwords::new(params, &SeededRandom::new(1)).is_err(), "{params:?}");
        }
        let weak = PasswordParams { memory: 1, iterations: 9, parallelism: 0 };
        assert_eq!(weak.at_least_floor(), PasswordParams { iterations: 9, ..PasswordParams::FLOOR });
    }

    proptest! {
        #[test]
        fn no_text_makes_verify_panic(junk in "\\PC{0,80}", m in "[0-9]{1,6}", p in "[0-9]{1,2}") {
            let passwords = cheap();
            prop_assert!(!passwords.verify(&junk, b"x"));
            let shaped = format!("$argon2id$v=19$m={m},t=1,p={p}$c29tZXNhbHQ${junk}");
            prop_assert!(!passwords.verify(&shaped, b"x"));
        }
    }
}
