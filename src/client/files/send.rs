//! `pairloop send`: one entry after the other, each until the receiver has it.

use super::args::SendArgs;
use super::frame::{Digest, Frame};
use super::greeting::Role;
use super::names::Name;
use super::peer::Peer;
use super::progress::Progress;
use super::source::Source;
use super::tree::{self, Listed, Tree};
use super::{FilesError, meet};
use crate::client::ClientError;
use crate::client::join::Entry;

/// Sends files and folders to whoever receives in the same room.
///
/// # Errors
/// If not everything can be sent, in which case nothing is; if it can't join; or if the receiver has not confirmed
/// every file.
pub fn send(args: &SendArgs, quiet: bool) -> Result<(), ClientError> {
    let mut progress = Progress::new("sent", args.meeting.json, quiet);
    attempt(args, &mut progress).inspect_err(|error| progress.failed(error))
}

fn attempt(args: &SendArgs, progress: &mut Progress) -> Result<(), ClientError> {
    let tree = tree::list(&args.files)?;
    let entry = Entry::new(&args.meeting.room)?;
    let mut peer = meet(&args.meeting, &entry, Role::Send, progress)?;
    let mut sender = Sender {
        peer: &mut peer,
        progress,
        last: None,
    };
    let result = sender.run(&tree);
    if let Err(error) = &result {
        peer.give_up(error);
    }
    Ok(result?)
}

struct Sender<'a> {
    peer: &'a mut Peer,
    progress: &'a mut Progress,
    /// What was sent last, until the receiver has confirmed it. The next entry is announced meanwhile: while the one
    /// makes its way to the disk, the other makes its way through the network.
    last: Option<Sent<'a>>,
}

enum Sent<'a> {
    Folder,
    File {
        name: &'a Name,
        size: u64,
        start: u64,
        digest: Digest,
    },
}

impl<'a> Sender<'a> {
    fn run(&mut self, tree: &'a Tree) -> Result<(), FilesError> {
        self.progress.begins(tree.bytes);
        self.peer.send(&Frame::Offer {
            entries: tree.entries.len() as u64,
            bytes: tree.bytes,
        })?;
        for entry in &tree.entries {
            match &entry.file {
                Some(file) => self.file(&entry.name, file)?,
                None => self.folder(&entry.name)?,
            }
        }
        self.confirm()?;
        self.peer.send(&Frame::Done)?;
        self.peer.finish()?;
        self.peer.has_finished()?;
        self.progress.done();
        Ok(())
    }

    fn folder(&mut self, name: &Name) -> Result<(), FilesError> {
        let path = name.as_bytes().to_vec();
        self.peer.send(&Frame::Folder { path })?;
        self.confirm()?;
        self.last = Some(Sent::Folder);
        Ok(())
    }

    fn file(&mut self, name: &'a Name, listed: &Listed) -> Result<(), FilesError> {
        let mut source = Source::open(name, listed)?;
        let size = listed.state.size;
        self.peer.send(&Frame::File {
            size,
            modified: listed.state.modified,
            executable: listed.state.executable,
            path: name.as_bytes().to_vec(),
        })?;
        self.confirm()?;
        self.progress.file(name);
        let start = match self.peer.next()? {
            Frame::Want { offset, prefix } if offset <= size => source.seek(offset, prefix)?,
            Frame::Want { .. } => {
                return Err(FilesError::Protocol(
                    "the receiver wants more than there is",
                ));
            }
            _ => {
                return Err(FilesError::Protocol(
                    "the receiver did not say what it wants",
                ));
            }
        };
        self.peer.send(&Frame::Begin { offset: start })?;
        self.progress.skip(start);
        let digest = source.send(|block| {
            self.peer.send_contents(block)?;
            self.progress.advance(block.len());
            Ok(())
        })?;
        self.peer.send(&Frame::End { digest })?;
        self.last = Some(Sent::File {
            name,
            size,
            start,
            digest,
        });
        Ok(())
    }

    /// Waits until what was sent last is kept.
    fn confirm(&mut self) -> Result<(), FilesError> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        match self.peer.next()? {
            Frame::Kept => {}
            _ => {
                return Err(FilesError::Protocol(
                    "the receiver did not confirm what was sent",
                ));
            }
        }
        if let Sent::File {
            name,
            size,
            start,
            digest,
        } = last
        {
            self.progress.kept(name, size, start, &digest);
        }
        Ok(())
    }
}
