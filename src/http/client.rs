//! The client that a request counts for in limits per client.

use bson::oid::ObjectId;

use super::client_address::Network;

/// In the extensions of each request that may use the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// The request has a token that is signed, has not expired and is not known to be revoked.
    User(ObjectId),
    Address(Network),
    /// Commands and migrations.
    Operator,
}

impl ClientKey {
    pub const UNKNOWN: Self = Self::Address(Network::Unknown);

    /// The wider networks that contain the client, each with the factor by which limits for it are higher.
    pub fn wider(self) -> impl Iterator<Item = (Self, usize)> {
        let network = match self {
            Self::Address(network) => Some(network),
            Self::User(_) | Self::Operator => None,
        };
        let wider = network.into_iter().flat_map(Network::wider);
        wider.map(|(network, factor)| (Self::Address(network), factor as usize))
    }
}
