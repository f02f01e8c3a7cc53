//! Clients that come to guess, to log in as somebody else, or to take every place, and servers that are not what they
//! say. Whoever has nothing to do with it does not notice.

mod clients;
mod exchange;
mod guessing;
mod sources;

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

const WRONG: &str = "ERR auth wrong user name or password";
const MALFORMED: &str = "ERR auth not SCRAM-SHA-256 as it is spoken here";
const PENALISED: &str = "ERR auth too many failed logins from your address: try again later";
