use std::io::{BufReader, Cursor};

use super::*;

fn samples() -> Vec<Frame> {
    let time = Time {
        seconds: -1,
        nanoseconds: 999_999_999,
    };
    vec![
        Frame::Offer {
            entries: 3,
            bytes: u64::MAX,
        },
        Frame::Folder {
            path: b"a/\xff".to_vec(),
        },
        Frame::File {
            size: 1 << 40,
            modified: time,
            executable: true,
            path: b"a/b".to_vec(),
        },
        Frame::Want {
            offset: 7,
            prefix: [1; 32],
        },
        Frame::Begin { offset: 7 },
        Frame::End { digest: [2; 32] },
        Frame::Kept,
        Frame::Done,
        Frame::abort("no \u{e9}"),
    ]
}

fn frames(from: &mut impl BufRead) -> Result<Vec<Frame>, FrameError> {
    let mut all = Vec::new();
    while let Some(frame) = read(from)? {
        if let Frame::Data { length } = frame {
            read_exact(from, &mut vec![0; length])?;
        }
        all.push(frame);
    }
    Ok(all)
}

#[test]
fn every_frame_is_read_as_it_was_written_wherever_the_stream_is_split() {
    let bytes: Vec<u8> = samples().iter().flat_map(Frame::to_bytes).collect();
    for split in 0..=bytes.len() {
        let (first, second) = bytes.split_at(split);
        let mut from = BufReader::new(Cursor::new(first).chain(second));
        assert_eq!(frames(&mut from).unwrap(), samples(), "split at {split}");
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_is_truncated() {
    for frame in samples() {
        let bytes = frame.to_bytes();
        assert!(matches!(frames(&mut &bytes[..0]), Ok(all) if all.is_empty()));
        for end in 1..bytes.len() {
            let result = frames(&mut &bytes[..end]);
            assert!(matches!(result, Err(FrameError::Truncated)), "{frame:?}");
        }
    }
    let data = Frame::Data { length: 2 }.to_bytes();
    let result = frames(&mut &[&data[..], b"x"].concat()[..]);
    assert!(matches!(result, Err(FrameError::Truncated)));
}

#[test]
fn every_kind_has_its_bounds() {
    for kind in 0..=u8::MAX {
        let Some((least, most)) = bounds(kind) else {
            let result = read(&mut &[kind, 0, 0, 0, 0][..]);
            assert!(matches!(result, Err(FrameError::Kind(found)) if found == kind));
            continue;
        };
        // Lengths that lie, with nothing behind them: refused by the length alone.
        for length in [least.wrapping_sub(1) as u32, most as u32 + 1, u32::MAX] {
            let mut bytes = vec![kind];
            bytes.extend(length.to_be_bytes());
            let result = read(&mut &bytes[..]);
            assert!(matches!(result, Err(FrameError::Length { .. })), "{kind}");
        }
    }
}

#[test]
fn bodies_that_mean_nothing_are_refused() {
    let mut file = samples()[2].to_bytes();
    file[HEADER + 20] = 2;
    let mut late = samples()[2].to_bytes();
    late[HEADER + 16..HEADER + 20].copy_from_slice(&1_000_000_000_u32.to_be_bytes());
    let mut words = Frame::abort("x").to_bytes();
    words[HEADER] = 0xff;
    for bytes in [file, late, words] {
        assert!(matches!(read(&mut &bytes[..]), Err(FrameError::Body(_))));
    }
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let kinds = b"ODFWB.EKZA";
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = vec![0; random.usize(..120)];
        random.fill(&mut bytes);
        // A plausible beginning, so that not everything ends at the first byte.
        if bytes.len() >= HEADER && random.bool() {
            bytes[0] = kinds[random.usize(..kinds.len())];
            bytes[1..4].fill(0);
            bytes[4] %= 64;
        }
        match frames(&mut &bytes[..]) {
            Ok(_) => read_well += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read_well > 100 && refused > 10_000, "{read_well} {refused}");
}

#[test]
fn long_words_are_cut_between_characters() {
    let Frame::Abort { words } = Frame::abort(&"\u{20ac}".repeat(LONGEST_REASON)) else {
        unreachable!("a farewell");
    };
    assert_eq!(words.len(), LONGEST_REASON / 3 * 3);
}
