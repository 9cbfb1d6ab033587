//! The client that a request counts for in limits per client.

use bson::oid::ObjectId;

use super::client_address::Network;

/// In the extensions of every request that may use the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// The request has a token that is signed, has not expired and is not known to be revoked.
    User(ObjectId),
    Address(Network),
}
