//! `pairloop receive`: what is offered, entry by entry, into a folder.

use std::fs::File;
use std::io::{self, Write};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::args::ReceiveArgs;
use super::blocks::{Filler, ring};
use super::frame::{Digest, Frame, Time};
use super::greeting::Role;
use super::inbox::{Inbox, Place, There};
use super::names::Name;
use super::partial::{Partial, hash};
use super::peer::Peer;
use super::progress::Progress;
use super::{FilesError, meet};
use crate::client::ClientError;
use crate::client::join::Entry;
use crate::console;
use crate::limits::{MOST_ENTRIES, REJOIN_FIRST, REJOIN_LAST};

/// Receives from whoever sends in the same room; with `--forever` from one after the other.
///
/// # Errors
/// If it can't join, or not everything that was offered is in place.
pub fn receive(args: &ReceiveArgs, quiet: bool) -> Result<(), ClientError> {
    let meeting = &args.meeting;
    let begin = || Progress::new("received", meeting.json, quiet);
    let entry = prepare(args).inspect_err(|error| begin().failed(error))?;
    let (mut has_ever_served, mut pause) = (false, REJOIN_FIRST);
    loop {
        let mut progress = begin();
        let met = meet(meeting, &entry, Role::Receive, &progress);
        let has_met = matches!(met, Ok(_) | Err(ClientError::Files(_)));
        let result = met
            .and_then(|peer| Ok(serve(peer, args, &mut progress)?))
            .inspect_err(|error| progress.failed(error));
        has_ever_served |= result.as_ref().err().is_none_or(ClientError::may_pass);
        if !args.forever || !has_ever_served {
            return result;
        }
        if has_met {
            pause = REJOIN_FIRST;
        }
        if let Err(error) = result {
            console::STDERR.write_line(format!("pairloop: {error}\n").as_bytes());
            thread::sleep(pause);
            pause = REJOIN_LAST.min(2 * pause);
        }
    }
}

/// Whatever can be wrong without a server is found before anybody waits.
fn prepare(args: &ReceiveArgs) -> Result<Entry<'_>, ClientError> {
    Inbox::open(&args.into)?;
    Entry::new(&args.meeting.room)
}

/// Receives from one sender. The folder is that of now: it may have been replaced since the last one.
fn serve(mut peer: Peer, args: &ReceiveArgs, progress: &mut Progress) -> Result<(), FilesError> {
    let result = Inbox::open(&args.into).and_then(|inbox| {
        let mut receiver = Receiver {
            peer: &mut peer,
            inbox: &inbox,
            overwrite: args.overwrite,
            progress,
            entries: 0,
            bytes: 0,
        };
        receiver.run()
    });
    if let Err(error) = &result {
        peer.give_up(error);
    }
    result
}

struct Receiver<'a> {
    peer: &'a mut Peer,
    inbox: &'a Inbox,
    overwrite: bool,
    progress: &'a mut Progress,
    /// What was offered and is still to come.
    entries: u64,
    bytes: u64,
}

/// A file that the sender has announced.
struct Announced {
    size: u64,
    modified: Time,
    executable: bool,
}

impl Receiver<'_> {
    fn run(&mut self) -> Result<(), FilesError> {
        match self.peer.next()? {
            Frame::Offer { entries, bytes } if entries <= MOST_ENTRIES => {
                (self.entries, self.bytes) = (entries, bytes);
                self.inbox.has_room(bytes)?;
                self.progress.begins(bytes);
            }
            Frame::Offer { .. } => {
                return Err(FilesError::Protocol(
                    "the sender offers more files than are taken",
                ));
            }
            _ => {
                return Err(FilesError::Protocol(
                    "the sender did not begin with an offer",
                ));
            }
        }
        loop {
            match self.peer.next()? {
                Frame::Done => break,
                Frame::Folder { path } => {
                    self.count(0)?;
                    self.inbox.make(&Name::parse(&path)?)?;
                }
                Frame::File {
                    size,
                    modified,
                    executable,
                    path,
                } => {
                    self.count(size)?;
                    let file = Announced {
                        size,
                        modified,
                        executable,
                    };
                    self.file(&Name::parse(&path)?, &file)?;
                }
                _ => return Err(FilesError::Protocol("neither an entry nor the end")),
            }
            self.peer.send(&Frame::Kept)?;
        }
        if (self.entries, self.bytes) != (0, 0) {
            return Err(FilesError::Protocol("the sender sent less than it offered"));
        }
        self.peer.has_finished()?;
        self.peer.finish()?;
        self.progress.done();
        Ok(())
    }

    /// Takes an entry off what was offered.
    fn count(&mut self, bytes: u64) -> Result<(), FilesError> {
        let more = FilesError::Protocol("the sender sends more than it offered");
        match (self.entries.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(entries), Some(bytes)) => (self.entries, self.bytes) = (entries, bytes),
            _ => return Err(more),
        }
        Ok(())
    }

    /// Receives one file, unless it is there already.
    fn file(&mut self, name: &Name, file: &Announced) -> Result<(), FilesError> {
        self.progress.file(name);
        let place = self.inbox.place(name)?;
        let exists = || FilesError::Exists(name.clone());
        let has_begun = match place.look()? {
            There::Nothing => false,
            There::File(mut there, length) if length == file.size => {
                let error = FilesError::of(name, "cannot read what is there");
                let hash = hash(&mut there, length).map_err(error)?;
                if self.want(length, &hash)? == length {
                    return self.is_there(&place, &there, length, hash);
                }
                if !self.overwrite {
                    return Err(exists());
                }
                true
            }
            There::File(..) | There::Something if !self.overwrite => return Err(exists()),
            There::File(..) | There::Something => false,
        };
        self.partial(&place, file, has_begun)
    }

    /// The sender has found that this side has the whole file.
    fn is_there(
        &mut self,
        place: &Place<'_>,
        file: &File,
        size: u64,
        hash: Sha256,
    ) -> Result<(), FilesError> {
        let digest: Digest = hash.finalize().into();
        match self.peer.next()? {
            Frame::End { digest: theirs } if theirs == digest => {}
            Frame::End { .. } => return Err(FilesError::Corrupt(place.name.clone())),
            _ => return Err(FilesError::Protocol("a file that has not ended")),
        }
        // An earlier attempt may have been killed before it got this far.
        place.sync(file)?;
        self.progress.skip(size);
        self.progress.kept(place.name, size, size, &digest);
        Ok(())
    }

    /// Receives a file under its partial name, and then gives it its own. `has_begun` says that the sender begins at
    /// the beginning, which need not be agreed any more.
    fn partial(
        &mut self,
        place: &Place<'_>,
        file: &Announced,
        has_begun: bool,
    ) -> Result<(), FilesError> {
        let mut partial = Partial::open(place)?;
        let (start, mut hash) = if has_begun {
            place.has_room(file.size)?;
            (0, Sha256::new())
        } else {
            let (offset, hash) = partial.prefix(file.size)?;
            place.has_room(file.size - offset)?;
            (self.want(offset, &hash)?, hash)
        };
        if start == 0 {
            partial.restart()?;
            hash = Sha256::new();
        }
        self.progress.skip(start);
        let (digest, theirs) = self.contents(place.name, &partial, hash, file.size - start)?;
        if digest != theirs {
            partial.discard();
            return Err(FilesError::Corrupt(place.name.clone()));
        }
        partial.keep(file.modified, file.executable, self.overwrite)?;
        self.progress.kept(place.name, file.size, start, &digest);
        Ok(())
    }

    /// Asks for a file from this offset on, and answers where the sender begins.
    fn want(&mut self, offset: u64, hash: &Sha256) -> Result<u64, FilesError> {
        let prefix = hash.clone().finalize().into();
        self.peer.send(&Frame::Want { offset, prefix })?;
        match self.peer.next()? {
            Frame::Begin { offset: from } if from == offset || from == 0 => Ok(from),
            _ => Err(FilesError::Protocol(
                "the sender did not begin where it was asked to",
            )),
        }
    }

    /// Writes so many bytes to a partial file while the next ones are received and hashed. Answers what they hash to,
    /// and what the sender says that they do.
    ///
    /// Whatever was received before an error is written all the same.
    fn contents(
        &mut self,
        name: &Name,
        partial: &Partial<'_>,
        mut hash: Sha256,
        left: u64,
    ) -> Result<(Digest, Digest), FilesError> {
        let (filler, drainer) = ring();
        thread::scope(|scope| {
            let error = FilesError::of::<io::Error>(name, "cannot write");
            let writing = thread::Builder::new().spawn_scoped(scope, move || {
                while let Some(block) = drainer.take() {
                    (&partial.file).write_all(&block)?;
                    drainer.give_back(block);
                }
                Ok(())
            });
            let writing = writing.map_err(&error)?;
            let received = self.fill(filler, &mut hash, left);
            let written = writing.join().expect("writing does not panic");
            written.map_err(&error)?;
            Ok((hash.finalize().into(), received?))
        })
    }

    /// Receives and hashes so many bytes. Answers what the sender says that they hash to.
    fn fill(
        &mut self,
        filler: Filler,
        hash: &mut Sha256,
        mut left: u64,
    ) -> Result<Digest, FilesError> {
        loop {
            let broken = match self.peer.next()? {
                Frame::Data { length } if length as u64 <= left => {
                    // If nobody takes blocks any more, the writer says why.
                    let mut block = filler.take().ok_or(FilesError::Left)?;
                    block.resize(length, 0);
                    self.peer.contents(&mut block)?;
                    hash.update(&block);
                    left -= length as u64;
                    self.progress.advance(length);
                    filler.pass(block);
                    continue;
                }
                Frame::End { digest } if left == 0 => return Ok(digest),
                Frame::Data { .. } => "a file is longer than was announced",
                Frame::End { .. } => "a file is shorter than was announced",
                _ => "a file that has not ended",
            };
            return Err(FilesError::Protocol(broken));
        }
    }
}
