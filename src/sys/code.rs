//! The pages of the program's own code that are resident.

use std::io;

/// Lets go of the pages of code that this process has mapped. What is needed again comes from the system's cache of the file, at the
/// price of a fault. For a process that has just started, or been busy, and now waits: most of what it ran is not run again soon, and
/// what is mapped counts as its memory and is the last that the system takes back.
///
/// # Errors
/// The system doesn't tell where the code is, or refuses.
#[cfg(target_os = "linux")]
pub fn let_go_of_code() -> io::Result<()> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    for (begin, end) in maps.lines().filter_map(|line| code_of(line, program.to_str()?)) {
        #[expect(
            unsafe_code,
            reason = "a mapping of the program's file that nobody may write has nothing in it but what the file has: the kernel reads \
                      a page again when it is needed, as it did the first time"
        )]
        let answer = unsafe {
            libc::madvise(std::ptr::with_exposed_provenance_mut(begin), end - begin, libc::MADV_DONTNEED)
        };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Where a line of `maps` has code of a file, and nothing that could have been written.
#[cfg(target_os = "linux")]
fn code_of(line: &str, file: &str) -> Option<(usize, usize)> {
    let mut words = line.splitn(6, ' ');
    let (range, rights) = (words.next()?, words.next()?);
    let is_it = rights == "r-xp" && words.nth(3)?.trim_start() == file;
    let (begin, end) = range.split_once('-').filter(|_| is_it)?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    number(begin).zip(number(end)).filter(|(begin, end)| begin < end)
}

/// Lets go of the pages of code that this process has mapped.
///
/// # Errors
/// Always: there is no such way here.
#[cfg(not(target_os = "linux"))]
pub fn let_go_of_code() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_program_is_let_go_of() {
        let file = "/opt/a b/haul";
        let line = |rights: &str, path: &str| {
            format!("55d0c0a00000-55d0c0b00000 {rights} 00540000 fe:00 1234    {path}")
        };
        assert_eq!(code_of(&line("r-xp", file), file), Some((0x55d0_c0a0_0000, 0x55d0_c0b0_0000)));
        for (rights, path) in [
            ("r--p", file),
            ("rw-p", file),
            ("rwxp", file),
            ("r-xs", file),
            ("r-xp", "/usr/lib/libc.so.6"),
            ("r-xp", ""),
        ] {
            assert_eq!(code_of(&line(rights, path), file), None, "{rights} {path}");
        }
    }

    #[test]
    fn what_is_let_go_of_comes_back_when_it_is_needed() {
        for _ in 0..3 {
            let_go_of_code().unwrap();
            assert_eq!((1..=10_u64).product::<u64>(), 3_628_800);
        }
    }
}
