//! Openings with which nobody is let in.

use fastrand::Rng;
use pairloop::limits::{LONGEST_HELLO, LONGEST_ROOM};

use super::login::{Attempt, Login};
use super::opening::{Opening, Verdict};
use super::setup::{Door, Lobby};
use super::transit;

impl Opening {
    /// Makes it one with which nobody is let in.
    pub fn spoil(&mut self, lobby: Lobby, client: usize, rng: &mut Rng) {
        if lobby.door == Door::Handshake {
            let text = transit::bad_handshake(&self.text, rng);
            return self.refuse(text, "hello");
        }
        if lobby.door == Door::Login && rng.u8(..3) > 0 {
            return self.fail_to_log_in(client, rng);
        }
        let text = String::from_utf8(self.text.clone()).expect("hellos are text");
        let room = &self.wish.room;
        let longer = "r".repeat(LONGEST_ROOM + 1);
        let endless = format!("JOIN {room} scram={}", "A".repeat(LONGEST_HELLO));
        let wrong: [(String, &'static str); 13] = [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(), "hello"),
            ("SSH-2.0-OpenSSH_9.6\r\n".into(), "hello"),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".into(), "hello"),
            ("\n".into(), "hello"),
            (text.replace("JOIN ", "join "), "hello"),
            (text.replace("JOIN ", "AUTH "), "hello"),
            (text.replace(room, "a/b"), "room"),
            (text.replace(room, ""), "room"),
            (text.replace(room, &longer), "room"),
            (text.replace(room, &format!("{room} ACK")), "hello"),
            (
                text.replace(room, &format!("{room} produce consume")),
                "hello",
            ),
            (endless, "hello"),
            // Logs in where nobody does, or does not where everybody does.
            match lobby.door {
                Door::Login => (format!("JOIN {room}\n"), "auth"),
                _ => (format!("JOIN {room} scram=biws\n"), "auth"),
            },
        ];
        let (text, code) = wrong[rng.usize(..wrong.len())].clone();
        self.refuse(text.into_bytes(), code);
        if !lobby.service.is_raw() && rng.u8(..4) == 0 {
            self.refuse(
                format!("JOIN {} produce\n", self.wish.room).into_bytes(),
                "hello",
            );
        }
    }

    fn refuse(&mut self, text: Vec<u8>, code: &'static str) {
        (self.text, self.verdict) = (text, Verdict::Refused(code));
        (self.login, self.awaited) = (None, 0);
    }

    fn fail_to_log_in(&mut self, client: usize, rng: &mut Rng) {
        let room = self.wish.room.clone();
        let first = Login::new(Attempt::Right, client).first();
        let attempt = match rng.u8(..6) {
            0 => return self.refuse(format!("JOIN {room} scram=%%%\n").into_bytes(), "auth"),
            1 => return self.refuse(format!("JOIN {room} scram=\n").into_bytes(), "auth"),
            // Its second message is there before the first is answered.
            2 | 3 => {
                let behind = match rng.bool() {
                    true => format!("AUTH {first}\n"),
                    false => format!("JOIN {room}\n"),
                };
                let text = format!("JOIN {room} scram={first}\n{behind}");
                self.refuse(text.into_bytes(), "auth");
                self.login = Some(Login::new(Attempt::Nobody, client));
                return;
            }
            4 => Attempt::WrongPassword,
            _ => Attempt::Nobody,
        };
        self.login = Some(Login::new(attempt, client));
        self.text = self.hello(rng);
        (self.awaited, self.verdict) = (1, Verdict::Refused("auth"));
    }
}
