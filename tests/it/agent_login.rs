//! A user's login shell, as `su -` gives it, finds the agent that another environment started: with a real `su`, for a user who exists
//! in a mount namespace only.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};

use crate::support::real::has;

/// The user's number; nobody else has it.
const USER: u32 = 61_234;

/// What is done within the namespace. The user's own words, from one environment after the other.
const SCRIPT: &str = r#"
set -eu
cp /etc/passwd "$BASE/passwd"
echo "listener:*:$USER:65534::$BASE/home:/bin/sh" >> "$BASE/passwd"
mount --bind "$BASE/passwd" /etc/passwd

pid() { sed 's/.*"pid":\([0-9]*\).*/\1/'; }
login() { su - listener -c "'$BASE/haul' $*" </dev/null; }
other() { setpriv --reuid "$USER" --regid 65534 --clear-groups env -i HOME="$BASE/home" XDG_RUNTIME_DIR="$BASE/home/run" \
    TERM=xterm "$BASE/haul" "$@" </dev/null; }

trap 'login agent stop >/dev/null 2>&1 || true' EXIT
login list 2>/dev/null
one=$(login agent status --json | pid)
two=$(other agent status --json | pid)
other list 2>/dev/null
login agent stop 2>/dev/null
other list 2>/dev/null
three=$(other agent status --json | pid)
four=$(login agent status --json | pid)
[ "$one" = "$two" ] && echo "su - started it, another environment finds it"
[ "$three" = "$four" ] && [ "$one" != "$three" ] && echo "another environment started it, su - finds it"
echo "as $(stat -c %u "/proc/$three")"
login agent stop 2>/dev/null
login agent status >/dev/null 2>&1 || echo "status $?"
"#;

#[test]
fn the_same_agent_is_found_from_a_login_shell() {
    if !rustix::process::geteuid().is_root() || !has("su") || !has("unshare") || !has("setpriv") {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_haul"), base.path().join("haul")).unwrap();
    for folder in ["home", "home/run"] {
        std::fs::create_dir(base.path().join(folder)).unwrap();
        chown(base.path().join(folder), Some(USER), Some(65534)).unwrap();
    }
    let outcome = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("BASE", base.path())
        .env("USER", USER.to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let told = format!("{said}\n{}", String::from_utf8_lossy(&outcome.stderr));
    let expected = [
        "su - started it, another environment finds it",
        "another environment started it, su - finds it",
        &format!("as {USER}"),
        "status 3",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{told}");
}
