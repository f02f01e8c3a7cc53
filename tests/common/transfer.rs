//! Transfers of files: folders to send from and to receive into, both commands, and a partner who says what the test
//! wants.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{Client, connect, program, receive, scratch};

/// The room in which all these tests meet; each has its own server.
const ROOM: &str = "files";

/// An empty folder; it is taken away when the test is over.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        Self::at(scratch(name))
    }

    /// A folder in this one.
    pub fn folder(&self, name: &str) -> Self {
        Self::at(self.join(name))
    }

    fn at(path: PathBuf) -> Self {
        fs::create_dir_all(&path).expect("a scratch folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, contents: &[u8]) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a scratch folder");
        fs::write(path, contents).expect("a scratch file");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Sets when a file was modified.
    pub fn modified(&self, name: &str, since_1970: Duration) {
        let file = File::options().append(true).open(self.join(name));
        let time = SystemTime::UNIX_EPOCH + since_1970;
        file.and_then(|file| file.set_modified(time))
            .expect("a scratch file");
    }

    pub fn make_executable(&self, name: &str) {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.join(name), mode).expect("a scratch file");
    }

    /// Everything in it, whatever it is called: path, what it is, and of files the time, the executable bit and the
    /// contents.
    pub fn everything(&self) -> Vec<(String, String, Vec<u8>)> {
        let mut found = Vec::new();
        list(&self.0, "", &mut found);
        found.sort();
        found
    }

    /// The paths of everything in it.
    pub fn names(&self) -> Vec<String> {
        let all = self.everything().into_iter();
        all.map(|(name, ..)| name).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn list(folder: &Path, above: &str, found: &mut Vec<(String, String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        // Symlinks are followed: what is compared is what was meant.
        let metadata = fs::metadata(&path).expect("it is there");
        if metadata.is_dir() {
            found.push((name.clone(), "folder".into(), Vec::new()));
            list(&path, &format!("{name}/"), found);
        } else {
            let (seconds, part) = (metadata.mtime(), metadata.mtime_nsec());
            let executable = metadata.mode() & 0o111 != 0;
            let what = format!("modified {seconds}.{part:09}, executable {executable}");
            found.push((name, what, fs::read(&path).expect("a file")));
        }
    }
}

/// `pairloop send` of these.
pub fn send_files(at: SocketAddr, arguments: &[&str]) -> Client {
    Client::spawn(transfer("send", at, arguments))
}

/// `pairloop receive` into this folder.
pub fn receive_files(at: SocketAddr, into: &Folder, arguments: &[&str]) -> Client {
    let mut command = transfer("receive", at, arguments);
    command.arg("--into").arg(into.path());
    Client::spawn(command)
}

pub fn transfer(name: &str, at: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args([name, &at.to_string(), "--room", ROOM]);
    command.args(arguments);
    command
}

/// One side of a transfer, spoken by hand.
pub struct Partner(pub TcpStream);

impl Partner {
    /// Joins, says this first line, and hears the other side's.
    pub fn greet(at: SocketAddr, own: &str, theirs: &str) -> Self {
        let mut partner = Self::join(at);
        partner.0.write_all(own.as_bytes()).expect("it is heard");
        receive(&mut partner.0, theirs.as_bytes());
        partner
    }

    pub fn sender(at: SocketAddr) -> Self {
        Self::greet(at, "PAIRLOOP-FILES 1 send\n", "PAIRLOOP-FILES 1 receive\n")
    }

    pub fn receiver(at: SocketAddr) -> Self {
        Self::greet(at, "PAIRLOOP-FILES 1 receive\n", "PAIRLOOP-FILES 1 send\n")
    }

    /// Joins, and waits for the other.
    pub fn join(at: SocketAddr) -> Self {
        let mut stream = connect(at);
        let hello = format!("JOIN {ROOM} ack\n");
        stream.write_all(hello.as_bytes()).expect("it is heard");
        let mut byte = [0];
        while byte != [b'\n'] {
            stream.read_exact(&mut byte).expect("an answer");
        }
        Self(stream)
    }

    /// Says a frame. The other side may have left: what it said then is looked at elsewhere.
    pub fn say(&mut self, kind: u8, body: &[&[u8]]) {
        let body = body.concat();
        let length = u32::try_from(body.len()).expect("a length");
        let frame = [&[kind], &length.to_be_bytes()[..], &body].concat();
        let _ = self.0.write_all(&frame);
    }

    pub fn offer(&mut self, entries: u64, bytes: u64) {
        self.say(b'O', &[&entries.to_be_bytes(), &bytes.to_be_bytes()]);
    }

    pub fn file(&mut self, path: &[u8], size: u64) {
        self.say(b'F', &[&size.to_be_bytes(), &[0; 13], path]);
    }

    /// The next frame is of this kind. Answers its body.
    #[track_caller]
    pub fn hears(&mut self, kind: u8) -> Vec<u8> {
        let (found, body) = self.next();
        let said = String::from_utf8_lossy(&body);
        assert_eq!(char::from(found), char::from(kind), "{said}");
        body
    }

    fn next(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 5];
        self.0.read_exact(&mut header).expect("a frame");
        let length = u32::from_be_bytes(header[1..].try_into().expect("four bytes"));
        let mut body = vec![0; length as usize];
        self.0.read_exact(&mut body).expect("a body");
        (header[0], body)
    }

    /// It gives up with these words.
    #[track_caller]
    pub fn hears_why(&mut self, words: &str) {
        let said = String::from_utf8(self.hears(b'A')).expect("words");
        assert!(said.contains(words), "{said}");
    }

    /// It gives up with these words, after contents that were under way.
    #[track_caller]
    pub fn hears_why_after_contents(&mut self, words: &str) {
        loop {
            match self.next() {
                (b'.', _) => {}
                (kind, body) => {
                    let said = String::from_utf8_lossy(&body);
                    assert!(kind == b'A' && said.contains(words), "{kind}: {said}");
                    return;
                }
            }
        }
    }
}
