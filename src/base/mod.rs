//! F0: words shared by every floor. Only the standard library and tiny crates.

pub mod alg;
pub mod clock;
pub mod gate;
pub mod id;
pub mod random;
pub mod secret;
pub mod uri;

pub use alg::SigningAlg;
pub use clock::{Clock, Instant, SystemClock, TestClock};
pub use gate::Gate;
pub use id::Id;
pub use random::{OsRandom, Random, SeededRandom};
pub use secret::Secret;
pub use uri::{Issuer, Origin, RedirectUri};
