//! Typed identifiers: v4 wherever a client sees one, time-ordered v7 for rows nobody sees.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use uuid::Uuid;

use super::{Instant, Random};

/// A UUID that cannot be mistaken for the id of another kind of thing.
pub struct Id<T> {
    uuid: Uuid,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// A random id (RFC 9562 §5.4) for things whose id clients see.
    pub fn random(random: &dyn Random) -> Self {
        Self::from_uuid(uuid::Builder::from_random_bytes(random.bytes()).into_uuid())
    }

    /// An id that sorts by time (RFC 9562 §5.7): 48 bits of milliseconds, 12 bits of their fraction, 62 random bits.
    pub fn ordered(now: Instant, random: &dyn Random) -> Self {
        let mut bytes: [u8; 16] = random.bytes();
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        let micros = u64::try_from(now.micros().rem_euclid(1_000)).unwrap_or(0);
        let fraction = (micros * 4_096 / 1_000).to_be_bytes();
        bytes[6] = 0x70 | fraction[6];
        bytes[7] = fraction[7];
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    /// Gives a stored or parsed UUID its type.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    /// The plain UUID, for storage.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}
impl<T> serde::Serialize for Id<T> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(s)
    }
}
impl<'de, T> serde::Deserialize<'de> for Id<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Uuid::deserialize(d).map(Self::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    #[test]
    fn ordered_ids_sort_by_microsecond() {
        let random = SeededRandom::new(1);
        let ids: Vec<Id<()>> =
            (0..2_000).map(|n| Id::ordered(Instant::from_micros(1_700_000_000_000_000 + n), &random)).collect();
        assert!(ids.windows(2).all(|w| w[0].uuid().as_bytes()[..8] <= w[1].uuid().as_bytes()[..8]));
        assert_eq!(ids[0].uuid().get_version_num(), 7);
        assert_eq!(Id::<()>::random(&random).uuid().get_version_num(), 4);
    }
}
