//! `pairloop send`: one entry after the other, each until the receiver has it.

use super::args::SendArgs;
use super::frame::Frame;
use super::names::Name;
use super::peer::{Peer, Role};
use super::progress::{Fate, Progress};
use super::source::Source;
use super::tree::{self, Listed, Tree};
use super::{FilesError, hex};
use crate::client::ClientError;
use crate::client::join::join;

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
    progress.waits();
    let meeting = &args.meeting;
    let joined = join(&meeting.at, &meeting.server, &meeting.room)?;
    progress.meets(&joined.partner);
    let mut peer = Peer::greet(joined, Role::Send)?;
    let told = tell(&mut peer, &tree, progress);
    if let Err(error) = &told {
        peer.give_up(error);
    }
    Ok(told?)
}

fn tell(peer: &mut Peer, tree: &Tree, progress: &mut Progress) -> Result<(), FilesError> {
    progress.begins(tree.bytes);
    peer.send(&Frame::Offer {
        entries: tree.entries.len() as u64,
        bytes: tree.bytes,
    })?;
    for entry in &tree.entries {
        match &entry.file {
            Some(file) => send_file(peer, &entry.name, file, progress)?,
            None => send_folder(peer, &entry.name)?,
        }
    }
    peer.send(&Frame::Done)?;
    peer.finish()?;
    peer.has_finished()?;
    progress.done();
    Ok(())
}

fn send_folder(peer: &mut Peer, name: &Name) -> Result<(), FilesError> {
    let path = name.as_bytes().to_vec();
    peer.send(&Frame::Folder { path })?;
    is_kept(peer)
}

fn send_file(
    peer: &mut Peer,
    name: &Name,
    listed: &Listed,
    progress: &mut Progress,
) -> Result<(), FilesError> {
    let mut source = Source::open(name, listed)?;
    let size = listed.state.size;
    progress.file(name, size);
    peer.send(&Frame::File {
        size,
        modified: listed.state.modified,
        executable: listed.state.executable,
        path: name.as_bytes().to_vec(),
    })?;
    let start = match peer.next()? {
        Frame::Want { offset, prefix } if offset <= size => source.seek(offset, prefix)?,
        Frame::Want { .. } => return Err(FilesError::Protocol("it wants more than there is")),
        _ => return Err(FilesError::Protocol("it did not say what it wants")),
    };
    peer.send(&Frame::Begin { offset: start })?;
    progress.skip(start);
    let digest = source.send(|block| {
        peer.send_contents(block)?;
        progress.advance(block.len());
        Ok(())
    })?;
    peer.send(&Frame::End { digest })?;
    is_kept(peer)?;
    progress.kept(Fate::of(start, size), &hex(&digest));
    Ok(())
}

fn is_kept(peer: &mut Peer) -> Result<(), FilesError> {
    match peer.next()? {
        Frame::Kept => Ok(()),
        _ => Err(FilesError::Protocol("it did not confirm what was sent")),
    }
}
