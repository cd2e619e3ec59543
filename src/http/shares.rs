use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    id::{SessionId, UserId},
    limits::network,
};

/// Counts what of a thing is held at once, and by whom.
#[derive(Default)]
pub(crate) struct Shares(Mutex<HashMap<Owner, usize>>);

/// Whose shares are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Everybody,
    /// With its neighbours: see [`network`].
    Address(IpAddr),
    Account(UserId),
    Session(SessionId),
}

impl Owner {
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(network(address.to_canonical()))
    }
}

/// What somebody holds, for as long as they keep this.
pub(super) struct Share {
    shares: Arc<Shares>,
    owner: Owner,
    size: usize,
}

impl Shares {
    /// Another share, unless the owner has the most already.
    pub(super) fn take(self: &Arc<Self>, owner: Owner, most: usize) -> Option<Share> {
        let mut share = self.nothing(owner);
        share.grow(1, most).then_some(share)
    }

    /// A share of nothing yet.
    pub(super) fn nothing(self: &Arc<Self>, owner: Owner) -> Share {
        Share { shares: Arc::clone(self), owner, size: 0 }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Owner, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes more, unless the owner would then have more than the most; tells whether it did.
    pub(super) fn grow(&mut self, more: usize, most: usize) -> bool {
        let mut taken = self.shares.taken();
        let count = taken.get(&self.owner).copied().unwrap_or_default();
        if count + more > most {
            return false;
        }
        taken.insert(self.owner, count + more);
        drop(taken);
        self.size += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= self.size;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}
