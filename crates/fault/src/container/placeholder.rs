//! A container that holds an address and does nothing else.
//!
//! Its image is made here, so that no registry is needed: one program of some 150 bytes that waits
//! for ever.

/// Where the program is in the image.
pub(super) const PROGRAM: &str = "/hold";

/// Where the program is loaded; any page does.
const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// `again: mov eax, 34 (pause); syscall; jmp again`
const X86_64: &[u8] = &[0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7];

/// `again: x0 to x3 = 0; x8 = 73 (ppoll); svc 0; b again`
const AARCH64: &[u8] = &[
    0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2,
    0x28, 0x09, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
];

/// The files of the image as a tar archive; `None` for machines that the program is not written
/// for.
pub(super) fn image(architecture: &str) -> Option<Vec<u8>> {
    let program = match architecture {
        "amd64" => program(62, X86_64),
        "arm64" => program(183, AARCH64),
        _ => return None,
    };
    Some(archive(PROGRAM.trim_start_matches('/'), &program))
}

/// An executable in the Executable and Linkable Format: its header, one segment, the code.
fn program(machine: u16, code: &[u8]) -> Vec<u8> {
    let size = HEADERS + code.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // An executable, for this machine, version 1.
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    // Where it begins; where the segments stand; no sections.
    bytes.extend((BASE + HEADERS).to_le_bytes());
    bytes.extend(64u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 0, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    // The segment: to be loaded, readable and executable.
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(5u32.to_le_bytes());
    for word in [0, BASE, BASE, size, size, 0x1_0000] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend_from_slice(code);
    bytes
}

/// An archive of one executable file (the `ustar` form of POSIX).
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut header = [0u8; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "00000000000");
    // The sum is taken with blanks in its own place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Stdio};

    #[test]
    fn the_archive_unpacks_to_a_program_that_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar")
            .args(["-xf", "-", "-C"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&image("amd64").unwrap()).unwrap();
        assert!(tar.wait().unwrap().success());
        let hold = dir.path().join("hold");
        assert_eq!(std::fs::metadata(&hold).unwrap().permissions().mode() & 0o777, 0o755);
        if cfg!(target_arch = "x86_64") {
            let mut child = Command::new(&hold).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(50));
            let state = crate::process::proc::Stat::of(child.id()).unwrap().state;
            assert_eq!(state, 'S', "it waits in the system");
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(image("arm64").is_some());
        assert!(image("s390x").is_none());
    }
}
