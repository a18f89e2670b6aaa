//! How our values lie in columns: three SQL types that are native on each database, and the words stored as text.
//!
//! Ids are `uuid` or a 16-byte BLOB, instants `timestamptz` or INTEGER microseconds, JSON `json` or TEXT. The model's
//! own types are bound and read directly. Not here: which columns there are ([`super::schema`]).

use std::borrow::Cow;
use std::io::Write;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, HasSqlType, SqlType, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::conn::MultiBackend;
use crate::base::{Id, Instant};
use crate::model::grant::RevokedFor;
use crate::model::identity::{AddressPurpose, CredentialKind};
use crate::model::token::Digest;
use crate::model::{Aal, ClientId, IdentityState, LogoutStage, ScopeSet, Stage, Subject};

/// An id: `uuid`, or a BLOB of 16 bytes.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct SqlUuid;

/// A point in time: `timestamptz`, or an INTEGER of microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct SqlInstant;

/// A document, kept letter by letter: `json`, or TEXT.
///
/// Not `jsonb`: it refuses the character U+0000, rewrites numbers and costs a conversion, and no query looks inside.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 114, array_oid = 199))]
#[diesel(sqlite_type(name = "Text"))]
pub struct SqlJson;

/// A UUID without a type of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlUuid)]
pub(super) struct Plain(pub Uuid);

/// Anything that is kept as a document.
#[derive(Clone, Debug, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlJson)]
pub(super) struct Json<T>(pub T);

/// A document as the database keeps it, read and written without looking inside.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlJson)]
pub(super) struct RawJson(pub String);

/// The 32 bytes of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(super) struct Bytes32(pub Digest);

/// PostgreSQL counts time from 2000-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The shared backend describes a type of ours as the real one does.
macro_rules! sql_type {
    ($($sql:ty),+) => {$(
        impl HasSqlType<$sql> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$sql>(lookup)
            }
        }
    )+};
}

sql_type!(SqlUuid, SqlInstant, SqlJson);

/// The part of a custom column type that is the same for all: the shared backend asks the real one.
macro_rules! on_both {
    ([$($generic:tt)*] $rust:ty as $sql:ty) => {
        impl<$($generic)*> FromSql<$sql, MultiBackend> for $rust {
            fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                bytes.from_sql::<$rust, $sql>()
            }
        }
        impl<$($generic)*> ToSql<$sql, MultiBackend> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value((<$sql>::default(), self));
                Ok(IsNull::No)
            }
        }
    };
}

/// Makes a type of the model usable in queries. The proxy only carries the derives.
macro_rules! column_of_model {
    ($proxy:ident<$generic:ident>($rust:ty) as $sql:ty) => {
        #[derive(AsExpression, FromSqlRow)]
        #[diesel(foreign_derive)]
        #[diesel(sql_type = $sql)]
        #[expect(dead_code, reason = "carries derives for a type of another module")]
        struct $proxy<$generic: 'static>($rust);
    };
    ($proxy:ident($rust:ty) as $sql:ty) => {
        #[derive(AsExpression, FromSqlRow)]
        #[diesel(foreign_derive)]
        #[diesel(sql_type = $sql)]
        #[expect(dead_code, reason = "carries derives for a type of another module")]
        struct $proxy($rust);
    };
}

/// A type of the model that is stored as a word.
macro_rules! word {
    ($proxy:ident($rust:ty), $to:expr, $from:expr) => {
        column_of_model!($proxy($rust) as Text);
        on_both!([] $rust as Text);
        impl FromSql<Text, Pg> for $rust {
            fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
                let from: fn(String) -> deserialize::Result<$rust> = $from;
                from(<String as FromSql<Text, Pg>>::from_sql(bytes)?)
            }
        }
        impl FromSql<Text, Sqlite> for $rust {
            fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                let from: fn(String) -> deserialize::Result<$rust> = $from;
                from(<String as FromSql<Text, Sqlite>>::from_sql(bytes)?)
            }
        }
        impl ToSql<Text, Pg> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                let to: fn(&$rust) -> Cow<'_, str> = $to;
                out.write_all(to(self).as_bytes())?;
                Ok(IsNull::No)
            }
        }
        impl ToSql<Text, Sqlite> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                let to: fn(&$rust) -> Cow<'_, str> = $to;
                match to(self) {
                    Cow::Borrowed(text) => out.set_value(text),
                    Cow::Owned(text) => out.set_value(text),
                }
                Ok(IsNull::No)
            }
        }
    };
}

word!(ClientIdColumn(ClientId), |id| id.as_str().into(), |text| Ok(ClientId::new(text)));
word!(SubjectColumn(Subject), |subject| subject.as_str().into(), |text| Ok(Subject::new(text)));
word!(ScopeColumn(ScopeSet), |scope| scope.to_string().into(), |text| Ok(ScopeSet::parse(&text)?));
word!(StageColumn(Stage), |stage| stage.as_str().into(), |text| {
    Stage::from_stored(&text).ok_or_else(|| "no such stage".into())
});
word!(LogoutStageColumn(LogoutStage), |stage| stage.as_str().into(), |text| {
    LogoutStage::from_stored(&text).ok_or_else(|| "no such stage".into())
});
word!(AalColumn(Aal), |aal| aal.as_str().into(), |text| Ok(Aal::from_stored(&text)));
word!(RevokedForColumn(RevokedFor), |why| why.as_str().into(), |text| {
    RevokedFor::from_stored(&text).ok_or_else(|| "no such reason".into())
});
word!(IdentityStateColumn(IdentityState), |state| state.as_str().into(), |text| {
    IdentityState::from_stored(&text).ok_or_else(|| "no such state".into())
});
word!(CredentialKindColumn(CredentialKind), |kind| kind.as_str().into(), |text| {
    CredentialKind::from_stored(&text).ok_or_else(|| "no such kind".into())
});
word!(AddressPurposeColumn(AddressPurpose), |purpose| purpose.as_str().into(), |text| {
    AddressPurpose::from_stored(&text).ok_or_else(|| "no such purpose".into())
});

column_of_model!(IdColumn<T>(Id<T>) as SqlUuid);
on_both!([T: 'static] Id<T> as SqlUuid);
on_both!([] Plain as SqlUuid);

impl FromSql<SqlUuid, Pg> for Plain {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(bytes.as_bytes())?))
    }
}
impl FromSql<SqlUuid, Sqlite> for Plain {
    fn from_sql(mut bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(bytes.read_blob())?))
    }
}
impl ToSql<SqlUuid, Pg> for Plain {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<SqlUuid, Sqlite> for Plain {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}
impl<T: 'static> FromSql<SqlUuid, Pg> for Id<T> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        <Plain as FromSql<SqlUuid, Pg>>::from_sql(bytes).map(|plain| Self::from_uuid(plain.0))
    }
}
impl<T: 'static> FromSql<SqlUuid, Sqlite> for Id<T> {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Plain as FromSql<SqlUuid, Sqlite>>::from_sql(bytes).map(|plain| Self::from_uuid(plain.0))
    }
}
impl<T: 'static> ToSql<SqlUuid, Pg> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.uuid().as_bytes())?;
        Ok(IsNull::No)
    }
}
impl<T: 'static> ToSql<SqlUuid, Sqlite> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.uuid().as_bytes().to_vec());
        Ok(IsNull::No)
    }
}

column_of_model!(InstantColumn(Instant) as SqlInstant);
on_both!([] Instant as SqlInstant);

impl FromSql<SqlInstant, Pg> for Instant {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let since_2000 = <i64 as FromSql<BigInt, Pg>>::from_sql(bytes)?;
        Ok(Self::from_micros(since_2000.saturating_add(POSTGRES_EPOCH)))
    }
}
impl FromSql<SqlInstant, Sqlite> for Instant {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from_micros(<i64 as FromSql<BigInt, Sqlite>>::from_sql(bytes)?))
    }
}
impl ToSql<SqlInstant, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.micros().saturating_sub(POSTGRES_EPOCH).to_be_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<SqlInstant, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}

on_both!([] RawJson as SqlJson);

impl FromSql<SqlJson, Pg> for RawJson {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(bytes.as_bytes())?.to_owned()))
    }
}
impl FromSql<SqlJson, Sqlite> for RawJson {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(bytes).map(Self)
    }
}
impl ToSql<SqlJson, Pg> for RawJson {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}
impl ToSql<SqlJson, Sqlite> for RawJson {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

on_both!([T: DeserializeOwned + Serialize + std::fmt::Debug + Send + Sync + 'static] Json<T> as SqlJson);

impl<T: DeserializeOwned> FromSql<SqlJson, Pg> for Json<T> {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let raw = <RawJson as FromSql<SqlJson, Pg>>::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&raw.0)?))
    }
}
impl<T: DeserializeOwned> FromSql<SqlJson, Sqlite> for Json<T> {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let raw = <RawJson as FromSql<SqlJson, Sqlite>>::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&raw.0)?))
    }
}
impl<T: Serialize + std::fmt::Debug> ToSql<SqlJson, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}
impl<T: Serialize + std::fmt::Debug> ToSql<SqlJson, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

on_both!([] Bytes32 as Binary);

impl FromSql<Binary, Pg> for Bytes32 {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(bytes.as_bytes().try_into()?))
    }
}
impl FromSql<Binary, Sqlite> for Bytes32 {
    fn from_sql(mut bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(bytes.read_blob().try_into()?))
    }
}
impl ToSql<Binary, Pg> for Bytes32 {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}
impl ToSql<Binary, Sqlite> for Bytes32 {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_slice());
        Ok(IsNull::No)
    }
}
