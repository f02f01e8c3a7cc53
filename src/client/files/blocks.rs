//! Blocks of a file between two threads: one fills them, the other empties them and gives them back. There are only
//! so many, so neither can run away from the other, and none is allocated twice.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::limits::FILE_BLOCKS;

pub type Block = Vec<u8>;

/// The end that fills blocks. Dropping it says that there will be no more.
pub struct Filler {
    empty: Receiver<Block>,
    full: SyncSender<Block>,
}

/// The end that empties blocks. Dropping it says that no more are wanted.
pub struct Drainer {
    empty: Sender<Block>,
    full: Receiver<Block>,
}

pub fn ring() -> (Filler, Drainer) {
    let (give_back, empty) = channel();
    let (give, full) = sync_channel(FILE_BLOCKS);
    for _ in 0..FILE_BLOCKS {
        // They grow when they are used: a small file needs one.
        give_back.send(Block::new()).expect("both ends are here");
    }
    let filler = Filler { empty, full: give };
    let drainer = Drainer {
        empty: give_back,
        full,
    };
    (filler, drainer)
}

impl Filler {
    /// A block to fill; `None` if no more are wanted.
    pub fn take(&self) -> Option<Block> {
        self.empty.recv().ok()
    }

    /// Passes a block on. If no more are wanted, the next [`take`](Self::take) tells.
    pub fn pass(&self, block: Block) {
        let _ = self.full.send(block);
    }
}

impl Drainer {
    /// The next block in order; `None` if there will be no more.
    pub fn take(&self) -> Option<Block> {
        self.full.recv().ok()
    }

    pub fn give_back(&self, block: Block) {
        // Whoever fills no more needs none.
        let _ = self.empty.send(block);
    }
}
