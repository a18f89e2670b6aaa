//! Rows: the private mirror of a model type, field by field, in the types of its columns.

use uuid::Uuid;

use super::column::{Bytes32, Json, Plain};
use crate::model::token::Digest;

/// How a value of the model lies in a column.
pub(super) trait Column<M>: Sized {
    /// The column's form of it.
    fn of(value: &M) -> Self;
    /// The model's form of it.
    fn model(self) -> M;
}

impl<M: Clone> Column<M> for M {
    fn of(value: &M) -> Self {
        value.clone()
    }
    fn model(self) -> M {
        self
    }
}

impl<T: Clone> Column<T> for Json<T> {
    fn of(value: &T) -> Self {
        Self(value.clone())
    }
    fn model(self) -> T {
        self.0
    }
}

impl<T: Clone> Column<Option<T>> for Option<Json<T>> {
    fn of(value: &Option<T>) -> Self {
        value.clone().map(Json)
    }
    fn model(self) -> Option<T> {
        self.map(|json| json.0)
    }
}

impl Column<Digest> for Bytes32 {
    fn of(value: &Digest) -> Self {
        Self(*value)
    }
    fn model(self) -> Digest {
        self.0
    }
}

impl Column<Option<Digest>> for Option<Bytes32> {
    fn of(value: &Option<Digest>) -> Self {
        value.map(Bytes32)
    }
    fn model(self) -> Option<Digest> {
        self.map(|bytes| bytes.0)
    }
}

impl Column<Uuid> for Plain {
    fn of(value: &Uuid) -> Self {
        Self(*value)
    }
    fn model(self) -> Uuid {
        self.0
    }
}

impl Column<Option<Uuid>> for Option<Plain> {
    fn of(value: &Option<Uuid>) -> Self {
        value.map(Plain)
    }
    fn model(self) -> Option<Uuid> {
        self.map(|plain| plain.0)
    }
}

/// A row type with every column but the tenant, and the two ways between it and its model.
macro_rules! row {
    ($row:ident of $table:ident for $model:ident { $($field:ident: $ty:ty,)+ }) => {
        #[derive(diesel::Queryable, diesel::Selectable, diesel::Insertable, diesel::AsChangeset)]
        #[diesel(table_name = $table, treat_none_as_null = true, treat_none_as_default_value = false)]
        pub(super) struct $row { $($field: $ty,)+ }

        impl From<&$model> for $row {
            fn from(model: &$model) -> Self {
                Self { $($field: $crate::store::row::Column::of(&model.$field),)+ }
            }
        }

        impl From<$row> for $model {
            fn from(row: $row) -> Self {
                Self { $($field: $crate::store::row::Column::model(row.$field),)+ }
            }
        }
    };
}
pub(super) use row;
