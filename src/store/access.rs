//! Rows of access tokens on their way in: made ready by the caller, written in batches.

use diesel::prelude::*;

use super::column::{Bytes32, RawJson};
use super::conn::Conn;
use super::dialect::both;
use super::error::StoreError;
use super::schema::access_tokens;
use crate::base::{Id, Instant};
use crate::model::{AccessRecord, ClientId, Grant, Subject, Tenant};

/// An access token in the form it is written; nothing is left to compute.
#[derive(Debug)]
pub(super) struct NewAccess {
    pub(super) tenant: Tenant,
    pub(super) row: NewRow,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = access_tokens, treat_none_as_default_value = false)]
pub(super) struct NewRow {
    pub(super) id: Id<AccessRecord>,
    pub(super) digest: Bytes32,
    pub(super) client_id: ClientId,
    pub(super) subject: Subject,
    pub(super) grant_id: Option<Id<Grant>>,
    pub(super) scope: String,
    pub(super) audience: RawJson,
    pub(super) issued_at: Instant,
    pub(super) expires_at: Instant,
    pub(super) revoked_at: Option<Instant>,
}

impl NewAccess {
    /// The row of this record.
    pub(super) fn new(tenant: Tenant, record: AccessRecord) -> Self {
        let audience = serde_json::to_string(&record.audience).expect("a list of texts is JSON");
        let row = NewRow {
            id: record.id,
            digest: Bytes32(record.digest),
            client_id: record.client_id,
            subject: record.subject,
            grant_id: record.grant_id,
            scope: record.scope.to_string(),
            audience: RawJson(audience),
            issued_at: record.issued_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
        };
        Self { tenant, row }
    }

    /// Writes the row.
    pub(super) fn insert(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let tenant = access_tokens::tenant.eq(self.tenant.as_str());
        both!(conn, c => diesel::insert_into(access_tokens::table).values((tenant, &self.row)).execute(c))?;
        Ok(())
    }
}
